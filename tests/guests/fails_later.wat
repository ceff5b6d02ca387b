;; Grows by a mebibyte at a time. Refused, it says so, goes on for three seconds and exits with 2.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "fatal error: out of memory\n")
  ;; write the $length bytes at $text to $fd
  (func $say (param $fd i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (call $say (i32.const 2) (i32.const 16) (i32.const 27))
    (i32.store (i32.const 80) (i32.const 1)) ;; the monotonic clock
    (i64.store (i32.const 88) (i64.const 3000000000))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 200)))
    (call $proc_exit (i32.const 2)))
)
