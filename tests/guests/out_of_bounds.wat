;; Reads past the end of its memory.
(module
  (memory (export "memory") 1)
  (func $astray (drop (i32.load (i32.const -4))))
  (func (export "_start") (call $astray))
)
