"""The filter of a guest process' system calls: a table, and the classic BPF program that is made of it. No I/O."""
