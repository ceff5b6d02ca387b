;; Exits with its argument, a number.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
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
  (func (export "_start") (call $proc_exit (call $argument)))
)
