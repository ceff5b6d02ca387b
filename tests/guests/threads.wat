;; Would start threads without end, by the call that WASI once proposed for it.
(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "wasi_thread_start") (param i32 i32))
  (func (export "_start")
    (loop $again
      (drop (call $spawn (i32.const 0)))
      (br $again))))
