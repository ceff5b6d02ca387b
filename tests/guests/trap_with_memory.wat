;; Touches 6 MiB and traps without a word, as C's abort does.
(module
  (memory (export "memory") 96)
  (func (export "_start")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 6291456))
    unreachable)
)
