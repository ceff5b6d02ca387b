;; A command component of many uses, for WASI 0.2. The first letter of its first argument says which; h without one.
;;
;;   hello        prints a line            variables    prints its environment, an item a line
;;   arguments    prints them, one a line  lines N      prints N lines, each with a write of its own
;;   failing      run returns an error     exit         exits with an error
;;   code N       exits with a number      trap         traps three calls deep, after a line
;;   sleep        prints a line, sleeps    busy         prints a line, computes for ever
;;   random       prints 32 random letters grow         takes 1 GiB, or prints that it was refused
;;   x            prints its arguments, one a line, and run returns an error
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:cli/exit@0.2.0" (instance $exit
    (export "exit" (func (param "status" (result))))
    (export "exit-with-code" (func (param "status-code" u8)))))
  (import "wasi:io/error@0.2.0" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error (type $error))
    (type $failure (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failure)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $output-stream))
    (export "output-stream" (type $stream (eq $output-stream)))
    (export "get-stdout" (func (result (own $stream))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $pollable))
    (export "pollable" (type $timer (eq $pollable)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $timer))))))
  (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
  (import "wasi:random/insecure@0.2.0" (instance $insecure
    (export "get-insecure-random-u64" (func (result u64)))))
  (import "wasi:random/insecure-seed@0.2.0" (instance $seed
    (export "insecure-seed" (func (result (tuple u64 u64))))))

  (core module $allocator
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    ;; never gives back: the guest is short-lived
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (local.get $at)))
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "realloc" (core func $realloc))

  (core func $get-environment
    (canon lower (func $environment "get-environment") (memory $memory) (realloc $realloc) string-encoding=utf8))
  (core func $get-arguments
    (canon lower (func $environment "get-arguments") (memory $memory) (realloc $realloc) string-encoding=utf8))
  (core func $exit (canon lower (func $exit "exit")))
  (core func $exit-with-code (canon lower (func $exit "exit-with-code")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $get-random (canon lower (func $random "get-random-u64")))
  (core func $get-insecure (canon lower (func $insecure "get-insecure-random-u64")))
  (core func $get-seed (canon lower (func $seed "insecure-seed") (memory $memory)))

  (core module $tool
    (import "memory" "" (memory 2))
    (import "wasi" "get-environment" (func $get-environment (param i32)))
    (import "wasi" "get-arguments" (func $get-arguments (param i32)))
    (import "wasi" "exit" (func $exit (param i32)))
    (import "wasi" "exit-with-code" (func $exit-with-code (param i32)))
    (import "wasi" "block" (func $block (param i32)))
    (import "wasi" "write" (func $write (param i32 i32 i32 i32)))
    (import "wasi" "get-stdout" (func $get-stdout (result i32)))
    (import "wasi" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "wasi" "get-random" (func $get-random (result i64)))
    (import "wasi" "get-insecure" (func $get-insecure (result i64)))
    (import "wasi" "get-seed" (func $get-seed (param i32)))
    (global $stdout (mut i32) (i32.const 0))
    (data (i32.const 256) "hello\n")
    (data (i32.const 264) "ready\n")
    (data (i32.const 272) "refused\n")
    (data (i32.const 280) "trapping\n")
    (data (i32.const 296) "\n=")
    ;; 0..63 take results: 0 of writes, 16 the list of arguments, 24 the list of variables, 32 random numbers

    (func $print (param $text i32) (param $length i32)
      (call $write (global.get $stdout) (local.get $text) (local.get $length) (i32.const 0)))
    (func $print-string (param $string i32)
      (call $print (i32.load (local.get $string)) (i32.load offset=4 (local.get $string))))
    (func $end-line (call $print (i32.const 296) (i32.const 1)))

    (func $hello (call $print (i32.const 256) (i32.const 6)))
    (func $ready (call $print (i32.const 264) (i32.const 6)))

    (func $variables
      (local $at i32) (local $left i32)
      (call $get-environment (i32.const 24))
      (local.set $at (i32.load (i32.const 24)))
      (local.set $left (i32.load (i32.const 28)))
      (loop $again
        (if (local.get $left)
          (then
            (call $print-string (local.get $at))
            (call $print (i32.const 297) (i32.const 1))
            (call $print-string (i32.add (local.get $at) (i32.const 8)))
            (call $end-line)
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $again)))))

    (func $arguments
      (local $at i32) (local $left i32)
      (local.set $at (i32.load (i32.const 16)))
      (local.set $left (i32.load (i32.const 20)))
      (loop $again
        (if (local.get $left)
          (then
            (call $print-string (local.get $at))
            (call $end-line)
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $again)))))

    ;; the second argument, as a number
    (func $number (result i32)
      (local $at i32) (local $end i32) (local $number i32)
      (local.set $at (i32.load offset=16 (i32.load (i32.const 16))))
      (local.set $end (i32.add (local.get $at) (i32.load offset=20 (i32.load (i32.const 16)))))
      (loop $again
        (if (i32.lt_u (local.get $at) (local.get $end))
          (then
            (local.set $number (i32.add
              (i32.mul (local.get $number) (i32.const 10))
              (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $again))))
      (local.get $number))

    (func $lines
      (local $left i32)
      (local.set $left (call $number))
      (loop $again
        (if (local.get $left)
          (then
            (call $hello)
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $again)))))

    (func $inner unreachable)
    (func $middle (call $inner))
    (func $trap (call $print (i32.const 280) (i32.const 9)) (call $middle))

    (func $sleep
      (call $ready)
      (loop $again
        (call $block (call $subscribe (i64.const 1000000000000)))
        (br $again)))
    (func $busy (call $ready) (loop $again (br $again)))

    ;; of the secure numbers 8, of the insecure ones 8, of their seed 16
    (func $random
      (local $at i32)
      (i64.store (i32.const 32) (call $get-random))
      (i64.store (i32.const 40) (call $get-insecure))
      (call $get-seed (i32.const 48))
      (local.set $at (i32.const 32))
      (loop $again
        (i32.store8
          (local.get $at) (i32.add (i32.const 0x61) (i32.and (i32.load8_u (local.get $at)) (i32.const 15))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $at) (i32.const 64))))
      (call $print (i32.const 32) (i32.const 32))
      (call $end-line))

    (func $grow
      (if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1))
        (then (call $print (i32.const 272) (i32.const 8)))))

    ;; the first letter of the first argument
    (func $use (result i32)
      (call $get-arguments (i32.const 16))
      (if (i32.lt_u (i32.load (i32.const 20)) (i32.const 2)) (then (return (i32.const 0x68))))
      (i32.load8_u (i32.load offset=8 (i32.load (i32.const 16)))))

    (func (export "run") (result i32)
      (local $use i32)
      (global.set $stdout (call $get-stdout))
      (local.set $use (call $use))
      (if (i32.eq (local.get $use) (i32.const 0x68)) (then (call $hello)))
      (if (i32.eq (local.get $use) (i32.const 0x76)) (then (call $variables)))
      (if (i32.eq (local.get $use) (i32.const 0x61)) (then (call $arguments)))
      (if (i32.eq (local.get $use) (i32.const 0x6c)) (then (call $lines)))
      (if (i32.eq (local.get $use) (i32.const 0x66)) (then (return (i32.const 1))))
      (if (i32.eq (local.get $use) (i32.const 0x65)) (then (call $exit (i32.const 1))))
      (if (i32.eq (local.get $use) (i32.const 0x63)) (then (call $exit-with-code (call $number))))
      (if (i32.eq (local.get $use) (i32.const 0x74)) (then (call $trap)))
      (if (i32.eq (local.get $use) (i32.const 0x73)) (then (call $sleep)))
      (if (i32.eq (local.get $use) (i32.const 0x62)) (then (call $busy)))
      (if (i32.eq (local.get $use) (i32.const 0x72)) (then (call $random)))
      (if (i32.eq (local.get $use) (i32.const 0x67)) (then (call $grow)))
      (if (i32.eq (local.get $use) (i32.const 0x78)) (then (call $arguments) (return (i32.const 1))))
      (i32.const 0)))

  (core instance $tool (instantiate $tool
    (with "memory" (instance (export "" (memory $memory))))
    (with "wasi" (instance
      (export "get-environment" (func $get-environment))
      (export "get-arguments" (func $get-arguments))
      (export "exit" (func $exit))
      (export "exit-with-code" (func $exit-with-code))
      (export "block" (func $block))
      (export "write" (func $write))
      (export "get-stdout" (func $get-stdout))
      (export "subscribe" (func $subscribe))
      (export "get-random" (func $get-random))
      (export "get-insecure" (func $get-insecure))
      (export "get-seed" (func $get-seed))))))

  (func $run (result (result)) (canon lift (core func $tool "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
