;; Begins with 64 MiB of memory and touches all of it.
(module
  (memory (export "memory") 1024)
  (func (export "_start")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864)))
)
