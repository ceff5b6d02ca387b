;; Prints "tick 001", "tick 002" and so on, five a second.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "tick 000\n")
  ;; one more, in the three digits that end before $end
  (func $count (param $end i32)
    (local $digit i32)
    (loop $carry
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (local.set $digit (i32.add (i32.load8_u (local.get $end)) (i32.const 1)))
      (if (i32.gt_u (local.get $digit) (i32.const 57))
        (then
          (i32.store8 (local.get $end) (i32.const 48))
          (br_if $carry (i32.gt_u (local.get $end) (i32.const 21))))
        (else (i32.store8 (local.get $end) (local.get $digit))))))
  (func $say (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (i32.store (i32.const 80) (i32.const 1)) ;; the monotonic clock
    (i64.store (i32.const 88) (i64.const 200000000)) ;; nanoseconds
    (loop $again
      (call $count (i32.const 24))
      (call $say (i32.const 16) (i32.const 9))
      (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 200)))
      (br $again)))
)
