;; Prints as many numbered lines, from 1000000 on, as its argument says, a thousand with each write.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $end (mut i32) (i32.const 4096)) ;; of the lines gathered from 4096 on
  (data (i32.const 64) "line ")
  ;; write the $length bytes at $text to $fd
  (func $say (param $fd i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $flush
    (local $from i32) (local $left i32)
    (local.set $from (i32.const 4096))
    (loop $again
      (local.set $left (i32.sub (global.get $end) (local.get $from)))
      (if (local.get $left)
        (then
          (call $say (i32.const 1) (local.get $from) (local.get $left))
          (local.set $from (i32.add (local.get $from) (i32.load (i32.const 8)))) ;; a pipe may take a part
          (br $again))))
    (global.set $end (i32.const 4096)))
  (func $gather (param $number i32)
    (local $at i32)
    (memory.copy (global.get $end) (i32.const 64) (i32.const 5))
    (local.set $at (i32.add (global.get $end) (i32.const 12)))
    (i32.store8 (local.get $at) (i32.const 10))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (global.set $end (i32.add (global.get $end) (i32.const 13))))
  (func $argument (result i32)
    (local $at i32) (local $number i32)
    (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
    (drop (call $args_get (i32.const 128) (i32.const 1024)))
    (local.set $at (i32.load (i32.const 132)))
    (loop $digit
      (if (i32.load8_u (local.get $at))
        (then
          (local.set $number
            (i32.add (i32.mul (local.get $number) (i32.const 10)) (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $digit))))
    (local.get $number))
  (func (export "_start")
    (local $number i32) (local $last i32)
    (local.set $number (i32.const 1000000))
    (local.set $last (i32.add (local.get $number) (call $argument)))
    (loop $again
      (if (i32.lt_u (local.get $number) (local.get $last))
        (then
          (call $gather (local.get $number))
          (local.set $number (i32.add (local.get $number) (i32.const 1)))
          (if (i32.eqz (i32.rem_u (local.get $number) (i32.const 1000))) (then (call $flush)))
          (br $again))))
    (call $flush))
)
