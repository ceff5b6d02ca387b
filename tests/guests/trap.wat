;; Traps three calls deep.
(module
  (func $inner unreachable)
  (func $middle (call $inner))
  (func (export "_start") (call $middle))
)
