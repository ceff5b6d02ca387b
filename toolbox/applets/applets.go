// Package applets holds the commands of the toolbox, one file each.
package applets

import (
	"slices"

	"wasmlet.dev/toolbox/program"
	"wasmlet.dev/toolbox/shell"
)

// All commands by their names.
var All = map[string]program.Main{
	"[":        test,
	"ash":      shell.Main,
	"basename": basename,
	"brctl":    brctl,
	"cat":      cat,
	"chmod":    chmod,
	"cp":       cp,
	"date":     date,
	"dd":       dd,
	"dirname":  dirname,
	"echo":     echo,
	"env":      env,
	"false":    func(*program.Process) int { return 1 },
	"grep":     grep,
	"head":     head,
	"hostname": hostname,
	"httpd":    httpd,
	"id":       id,
	"ipcs":     ipcs,
	"ls":       ls,
	"mkdir":    mkdir,
	"mount":    mount,
	"mv":       mv,
	"nc":       nc,
	"netstat":  netstat,
	"nslookup": nslookup,
	"pgrep":    pgrep,
	"pidof":    pidof,
	"ping":     ping,
	"printf":   printf,
	"pwd":      pwd,
	"rm":       rm,
	"rmdir":    rmdir,
	"seq":      seq,
	"sh":       shell.Main,
	"sleep":    sleep,
	"stat":     stat,
	"sync":     syncFiles,
	"tail":     tail,
	"tee":      tee,
	"test":     test,
	"top":      top,
	"touch":    touch,
	"true":     func(*program.Process) int { return 0 },
	"uname":    uname,
	"wc":       wc,
}

// Names of all commands, in order.
func Names() []string {
	names := make([]string, 0, len(All))
	for name := range All {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// badUsage complains about options and returns the status for that.
func badUsage(process *program.Process, err error) int {
	process.Fail("%s", err)
	return 2
}
