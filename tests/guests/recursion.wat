;; Calls itself until its stack is exhausted.
(module
  (func $deeper (call $deeper))
  (func (export "_start") (call $deeper))
)
