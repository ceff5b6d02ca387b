;; Takes memory, one mebibyte after the other, and touches all of it. Refused, it says so once, waits and tries again.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "refused\n")
  (data (i32.const 24) "given more\n")
  ;; write the $length bytes at $text to $fd
  (func $say (param $fd i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $pause
    (i32.store (i32.const 80) (i32.const 1)) ;; the monotonic clock
    (i64.store (i32.const 88) (i64.const 5000000)) ;; five milliseconds
    (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 200))))
  (func (export "_start")
    (local $pages i32)
    (local $was_refused i32)
    (loop $again
      (local.set $pages (memory.grow (i32.const 16)))
      (if (i32.eq (local.get $pages) (i32.const -1))
        (then
          (if (i32.eqz (local.get $was_refused)) (then (call $say (i32.const 1) (i32.const 16) (i32.const 8))))
          (local.set $was_refused (i32.const 1))
          (call $pause))
        (else
          (memory.fill (i32.mul (local.get $pages) (i32.const 65536)) (i32.const 1) (i32.const 1048576))
          (if (local.get $was_refused) (then (call $say (i32.const 1) (i32.const 24) (i32.const 11))))
          (local.set $was_refused (i32.const 0))))
      (br $again)))
)
