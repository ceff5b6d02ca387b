;; Asks for 512 MiB. Refused, it says so word by word and exits with 2, as Go does.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 300) "out of memory: cannot allocate 536870912-byte block\nfatal error: out of memory\n")
  ;; write the $length bytes at $text to $fd, and wait until they are read
  (func $say (param $fd i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 80) (i32.const 1)) ;; the monotonic clock
    (i64.store (i32.const 88) (i64.const 333000000)) ;; a third of a second
    (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 200))))
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 8192)) (i32.const -1)) ;; 512 MiB
      (then
        (call $say (i32.const 2) (i32.const 300) (i32.const 31))
        (call $say (i32.const 2) (i32.const 331) (i32.const 9))
        (call $say (i32.const 2) (i32.const 340) (i32.const 39))
        (call $proc_exit (i32.const 2)))))
)
