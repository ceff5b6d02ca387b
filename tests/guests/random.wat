;; Prints 32 random letters.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 48) "\n")
  (func (export "_start")
    (local $at i32)
    (drop (call $random_get (i32.const 16) (i32.const 32)))
    (local.set $at (i32.const 16))
    (loop $again
      (i32.store8 (local.get $at) (i32.add (i32.const 0x61) (i32.and (i32.load8_u (local.get $at)) (i32.const 15))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 48))))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 33))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
)
