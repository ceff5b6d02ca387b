;; Which sockets the host grants: bit 0 for TCP, bit 1 for UDP, as the result of "probe".
(component
  (import "wasi:sockets/network@0.2.0" (instance $network
    (type $error (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
      "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
      "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
      "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
      "permanent-resolver-failure"))
    (export "error-code" (type (eq $error)))
    (type $family (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $family)))))
  (alias export $network "error-code" (type $error))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $tcp-socket))
  (import "wasi:sockets/udp@0.2.0" (instance $udp (export "udp-socket" (type (sub resource)))))
  (alias export $udp "udp-socket" (type $udp-socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $make-tcp
    (alias outer 1 $family (type $family))
    (alias outer 1 $error (type $error))
    (alias outer 1 $tcp-socket (type $socket))
    (export "create-tcp-socket"
      (func (param "address-family" $family) (result (result (own $socket) (error $error)))))))
  (import "wasi:sockets/udp-create-socket@0.2.0" (instance $make-udp
    (alias outer 1 $family (type $family))
    (alias outer 1 $error (type $error))
    (alias outer 1 $udp-socket (type $socket))
    (export "create-udp-socket"
      (func (param "address-family" $family) (result (result (own $socket) (error $error)))))))
  (alias export $make-tcp "create-tcp-socket" (func $create-tcp))
  (alias export $make-udp "create-udp-socket" (func $create-udp))
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $shared))
  (core func $tcp (canon lower (func $create-tcp) (memory $shared)))
  (core func $udp (canon lower (func $create-udp) (memory $shared)))
  (core module $probe
    (import "host" "memory" (memory 1))
    (import "host" "tcp" (func $tcp (param i32 i32)))
    (import "host" "udp" (func $udp (param i32 i32)))
    (func (export "probe") (result i32)
      (call $tcp (i32.const 0) (i32.const 0))
      (call $udp (i32.const 0) (i32.const 8))
      (i32.or
        (i32.eqz (i32.load8_u (i32.const 0)))
        (i32.shl (i32.eqz (i32.load8_u (i32.const 8))) (i32.const 1)))))
  (core instance $probe (instantiate $probe
    (with "host" (instance
      (export "memory" (memory $shared))
      (export "tcp" (func $tcp))
      (export "udp" (func $udp))))))
  (alias core export $probe "probe" (core func $probe-of-guest))
  (func (export "probe") (result u32) (canon lift (core func $probe-of-guest))))
