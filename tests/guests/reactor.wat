;; No command: has functions to call by name, which only work once it is initialized.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $initialized (export "initialized") (mut i32) (i32.const 0))
  (data (i32.const 16) "greetings\n")
  (func (export "_initialize") (global.set $initialized (i32.const 1)))
  (func (export "greet")
    (if (i32.eqz (global.get $initialized)) (then unreachable))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 10))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
)
