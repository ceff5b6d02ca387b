package applets

import "wasmlet.dev/toolbox/program"

// ipcs prints empty tables: a WebAssembly program has no System V objects and sees none.
func ipcs(process *program.Process) int {
	options, _, err := process.Parse("amqs")
	if err != nil {
		return badUsage(process, err)
	}
	everything := !options.Has("mqs")
	if everything || options.Has("q") {
		process.Printf("\n------ Message Queues --------\nkey        msqid      owner      perms      used-bytes   messages\n")
	}
	if everything || options.Has("m") {
		process.Printf("\n------ Shared Memory Segments --------\nkey        shmid      owner      perms      bytes      nattch     status\n")
	}
	if everything || options.Has("s") {
		process.Printf("\n------ Semaphore Arrays --------\nkey        semid      owner      perms      nsems\n")
	}
	process.Printf("\n")
	return 0
}
