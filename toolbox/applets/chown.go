package applets

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

const (
	unchanged  = -1
	keepsOwner = "Operation not permitted: a container gives no file away; name the owner in the pod (runAsUser, fsGroup)"
)

// owners are a user and a group by their numbers.
type owners struct{ user, group int }

// chown gives files to others, which no container has the right to: it succeeds where they are theirs already. So does
// chgrp. With -R below directories too, with -h links themselves, with -f without complaints.
func chown(process *program.Process) int {
	return giveAway(process, func(text string) (owners, error) {
		user, group, _ := strings.Cut(text, ":")
		wanted := owners{unchanged, unchanged}
		var err error
		if user != "" {
			wanted.user, err = numberOf("user", "/etc/passwd", user)
		}
		if group != "" && err == nil {
			wanted.group, err = numberOf("group", "/etc/group", group)
		}
		return wanted, err
	})
}

func chgrp(process *program.Process) int {
	return giveAway(process, func(text string) (owners, error) {
		group, err := numberOf("group", "/etc/group", text)
		return owners{unchanged, group}, err
	})
}

// numberOf is a number itself, or that of a name in a file like /etc/passwd.
func numberOf(kind, file, name string) (int, error) {
	if number, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(number), nil
	}
	for number, each := range namesOf(file) {
		if id, err := strconv.ParseUint(number, 10, 31); each == name && err == nil {
			return int(id), nil
		}
	}
	return unchanged, errors.New("unknown " + kind + " " + name)
}

type giver struct {
	process *program.Process
	options program.Options
	wanted  owners
	status  int
}

func giveAway(process *program.Process, read func(text string) (owners, error)) int {
	options, names, err := process.Parse("cfhHLPRv", "recursive=R", "no-dereference=h", "silent=f", "quiet=f", "verbose=v")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) < 2 {
		return usageOf(process)
	}
	wanted, err := read(names[0])
	if err != nil {
		return process.Fail("%s", err)
	}
	work := &giver{process: process, options: options, wanted: wanted}
	for _, name := range names[1:] {
		work.one(name, process.Path(name), !options.Has("h"))
	}
	return work.status
}

func (g *giver) one(name, place string, follows bool) {
	look := os.Lstat
	if follows {
		look = os.Stat
	}
	info, err := look(place)
	if err == nil {
		var status host.Status
		if status, err = host.Stat(place, follows); err == nil {
			g.compare(name, status)
		}
	}
	if err != nil {
		g.fail(name, program.Reason(err))
		return
	}
	if !info.IsDir() || !g.options.Has("R") {
		return
	}
	entries, err := os.ReadDir(place)
	if err != nil {
		g.fail(name, program.Reason(err))
	}
	for _, entry := range entries {
		program.Yield(g.process.Context)
		g.one(joined(name, entry.Name()), path.Join(place, entry.Name()), entry.Type()&fs.ModeSymlink == 0 && follows)
	}
}

func (g *giver) compare(name string, is host.Status) {
	if (g.wanted.user != unchanged && uint64(g.wanted.user) != is.UID) || (g.wanted.group != unchanged && uint64(g.wanted.group) != is.GID) {
		g.fail(name, keepsOwner)
	}
}

func (g *giver) fail(name, reason string) {
	g.status = 1
	if !g.options.Has("f") {
		g.process.Fail("%s: %s", name, reason)
	}
}
