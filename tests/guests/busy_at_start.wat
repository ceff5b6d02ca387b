;; Computes for ever in its start section, before its entry can be called.
(module
  (func $forever (loop $again (br $again)))
  (start $forever)
  (func (export "_start"))
)
