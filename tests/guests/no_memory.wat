;; Has no memory. Exits with 100 and what WASI says of a descriptor that is none.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync" (func $fd_sync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (func (export "_start")
    (drop (call $sched_yield))
    (call $proc_exit (i32.add (call $fd_sync (i32.const 99)) (i32.const 100)))))
