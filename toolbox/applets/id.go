package applets

import (
	"fmt"
	"os"
	"strings"

	"wasmlet.dev/toolbox/program"
)

const statusFile = "/proc/self/status"

// identity is who the container runs as. WASI has no call for it: it is read where Linux shows it.
type identity struct {
	uid, gid string
	groups   []string // the primary one first
}

// id prints user and groups: with -u, -g and -G one of them, with -n by name.
func id(process *program.Process) int {
	options, _, err := process.Parse("Ggnru", "user=u", "group=g", "groups=G", "name=n")
	if err != nil {
		return badUsage(process, err)
	}
	self, err := ownIdentity()
	if err != nil {
		return process.Fail("the runtime does not tell who this is: %s: %s", statusFile, program.Reason(err))
	}
	users, groups := namesOf("/etc/passwd"), namesOf("/etc/group")
	if !options.Has("n") && options.Has("Ggu") {
		users, groups = nil, nil
	}
	switch {
	case options.Has("u"):
		process.Printf("%s\n", nameOr(users, self.uid))
	case options.Has("g"):
		process.Printf("%s\n", nameOr(groups, self.gid))
	case options.Has("G"):
		process.Printf("%s\n", strings.Join(mapped(self.groups, func(group string) string { return nameOr(groups, group) }), " "))
	default:
		named := mapped(self.groups, func(group string) string { return withName(groups, group) })
		process.Printf("uid=%s gid=%s groups=%s\n", withName(users, self.uid), withName(groups, self.gid), strings.Join(named, ","))
	}
	return 0
}

func ownIdentity() (identity, error) {
	content, err := os.ReadFile(statusFile)
	if err != nil {
		return identity{}, err
	}
	return parseStatus(string(content))
}

func parseStatus(text string) (identity, error) {
	fields := map[string][]string{}
	for _, line := range strings.Split(text, "\n") {
		name, values, _ := strings.Cut(line, ":")
		fields[name] = strings.Fields(values)
	}
	const effective = 1
	if len(fields["Uid"]) <= effective || len(fields["Gid"]) <= effective {
		return identity{}, fmt.Errorf("it has no Uid and Gid")
	}
	self := identity{uid: fields["Uid"][effective], gid: fields["Gid"][effective]}
	self.groups = []string{self.gid}
	for _, group := range fields["Groups"] {
		if group != self.gid {
			self.groups = append(self.groups, group)
		}
	}
	return self, nil
}

// namesOf reads the names of the numbers in a file like /etc/passwd.
func namesOf(file string) map[string]string {
	names := map[string]string{}
	content, _ := os.ReadFile(file) // without it there are numbers only
	for _, line := range strings.Split(string(content), "\n") {
		if fields := strings.Split(line, ":"); len(fields) > 2 && names[fields[2]] == "" {
			names[fields[2]] = fields[0]
		}
	}
	return names
}

func nameOr(names map[string]string, number string) string {
	if name := names[number]; name != "" {
		return name
	}
	return number
}

func withName(names map[string]string, number string) string {
	if name := names[number]; name != "" {
		return number + "(" + name + ")"
	}
	return number
}

func mapped(items []string, change func(string) string) []string {
	changed := make([]string, len(items))
	for index, item := range items {
		changed[index] = change(item)
	}
	return changed
}
