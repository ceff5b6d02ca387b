;; Asks for 512 MiB. Refused, it says so and traps, as Rust does.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "memory allocation of 536870912 bytes failed\n")
  ;; write the $length bytes at $text to $fd
  (func $say (param $fd i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 8192)) (i32.const -1)) ;; 512 MiB
      (then
        (call $say (i32.const 2) (i32.const 16) (i32.const 44))
        unreachable)))
)
