;; Takes memory, one mebibyte after the other, and touches all of it.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "no more\n")
  ;; write the $length bytes at $text to $fd
  (func $say (param $fd i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (local $pages i32)
    (block $refused
      (loop $again
        (local.set $pages (memory.grow (i32.const 16)))
        (br_if $refused (i32.eq (local.get $pages) (i32.const -1)))
        (memory.fill (i32.mul (local.get $pages) (i32.const 65536)) (i32.const 1) (i32.const 1048576))
        (br $again)))
    (call $say (i32.const 1) (i32.const 16) (i32.const 8)))
)
