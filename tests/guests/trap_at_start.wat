;; Traps in its start section, before its entry can be called.
(module
  (func $start unreachable)
  (start $start)
  (func (export "_start"))
)
