// Native code in the place of a guest: tries one thing that no guest shall be able to do, and tells what became of it.
//
//   {"attempt": "mount", "result": -1, "error": "EPERM"}
//
// One attempt a process, for some are answered by its death. Built as a shared object, called by probing_zygote.py.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <unistd.h>

#define POD_PROCESS 1
#define OPEN_TREE_CLONE 1
#define QUOTA_SYNC 0x80000100

static char room[65536];

// The child of a fork that came about has nothing to do.
static long ends_as_child(long pid) {
    if (pid == 0)
        _exit(0);
    return pid;
}

static long try_open(const char *path) {
    return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
}

// ---- what it may do: without these, failure would prove nothing ---------------------------------------------------

static void *be_a_thread(void *nothing) { return nothing; }

static long start_thread(void) {
    pthread_t thread;
    errno = pthread_create(&thread, NULL, be_a_thread, NULL);
    return errno != 0 ? -1 : pthread_join(thread, NULL);
}

static long signal_itself(void) { return syscall(SYS_tgkill, getpid(), gettid(), 0); }
static long give_up(void) { abort(); }
static long open_own_root(void) { return try_open("/") >= 0 ? 0 : -1; }
static long map_memory(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

// ---- what it was left with: each gives the number of what should not be there -------------------------------------

// WASI holds the root open, 0 to 2 are the streams and 3 is the report pipe.
static long other_descriptors(void) {
    struct stat root, found;
    long others = 0;
    if (stat("/", &root) != 0)
        return -1;
    for (int descriptor = 4; descriptor < 70000; descriptor++)
        others += fstat(descriptor, &found) == 0 && (found.st_dev != root.st_dev || found.st_ino != root.st_ino);
    return others;
}

static long other_directory_than_root(void) {
    struct stat here, root, above;
    if (stat(".", &here) != 0 || stat("/", &root) != 0 || stat("/..", &above) != 0)
        return 1;
    return (here.st_ino != root.st_ino || here.st_dev != root.st_dev) + (above.st_ino != root.st_ino);
}

static long limit(int resource) {
    struct rlimit found;
    return syscall(SYS_prlimit64, 0, resource, NULL, &found) == 0 ? (long)found.rlim_max : -1;
}

static long core_limit(void) { return limit(RLIMIT_CORE); }
static long locked_memory_limit(void) { return limit(RLIMIT_MEMLOCK); }
static long more_descriptors_than_65536(void) { return limit(RLIMIT_NOFILE) > 65536; }

// The filter keeps these questions from being asked: see test_without_its_filter_....
static long is_dumped_or_traced(void) { return syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0); }
static long other_secure_bits(void) { return syscall(SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0) ^ 0xC3; }

static long other_creation_mask(void) {
    struct stat made;
    int file = open("/tmp/made", O_CREAT | O_WRONLY | O_EXCL, 0666);
    return file < 0 || fstat(file, &made) != 0 || (made.st_mode & 0777) != 0644;
}

// ---- programs and processes ---------------------------------------------------------------------------------------

static long execute(void) {
    char *nothing[] = {NULL};
    return syscall(SYS_execve, "/", nothing, nothing);
}
static long execute_at(void) {
    char *nothing[] = {NULL};
    return syscall(SYS_execveat, 0, "", nothing, nothing, AT_EMPTY_PATH);
}
static long fork_process(void) { return ends_as_child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }
static long fork_by_clone3(void) {
    unsigned long request[11] = {0};
    request[4] = SIGCHLD;
    return ends_as_child(syscall(SYS_clone3, request, sizeof request));
}
static long clone_user_namespace(void) { return ends_as_child(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }
static long trace_pod(void) { return syscall(SYS_ptrace, PTRACE_SEIZE, POD_PROCESS, 0, 0); }
static long trace_me(void) { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }
static long read_pods_memory(void) {
    struct iovec ours = {room, 16}, theirs = {room, 16};
    return syscall(SYS_process_vm_readv, POD_PROCESS, &ours, 1, &theirs, 1, 0);
}
static long write_pods_memory(void) {
    struct iovec ours = {room, 16}, theirs = {room, 16};
    return syscall(SYS_process_vm_writev, POD_PROCESS, &ours, 1, &theirs, 1, 0);
}
static long compare_with_pod(void) { return syscall(SYS_kcmp, getpid(), POD_PROCESS, 1, 0, 0); }
static long advise_pod(void) { return syscall(SYS_process_madvise, -1, NULL, 0, MADV_COLD, 0); }
static long kill_pod(void) { return syscall(SYS_kill, POD_PROCESS, 0); }
static long kill_all(void) { return syscall(SYS_kill, -1, 0); }
static long kill_thread_of_pod(void) { return syscall(SYS_tgkill, POD_PROCESS, POD_PROCESS, 0); }
static long kill_thread(void) { return syscall(SYS_tkill, POD_PROCESS, 0); }
static long queue_signal(void) {
    siginfo_t information = {0};
    information.si_code = SI_QUEUE;
    return syscall(SYS_rt_sigqueueinfo, POD_PROCESS, 0, &information);
}
static long own_signals_of_files(void) { return syscall(SYS_fcntl, 0, F_SETOWN, POD_PROCESS); }
static long open_pidfd(void) { return syscall(SYS_pidfd_open, POD_PROCESS, 0); }
static long take_descriptor(void) { return syscall(SYS_pidfd_getfd, 0, 0, 0); }
static long signal_by_pidfd(void) { return syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0); }
static long limit_pod(void) {
    struct rlimit few = {64, 64};
    return syscall(SYS_prlimit64, POD_PROCESS, RLIMIT_NOFILE, &few, NULL);
}
static long schedule_pod(void) {
    unsigned long processors = 1;
    return syscall(SYS_sched_setaffinity, POD_PROCESS, sizeof processors, &processors);
}
static long renice(void) { return syscall(SYS_setpriority, PRIO_PROCESS, 0, -20); }
static long be_real_time(void) {
    struct sched_param one = {1};
    return syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &one);
}

// ---- mounts, namespaces, devices, files of others -----------------------------------------------------------------

static long mount_disk(void) { return syscall(SYS_mount, "tmpfs", "/", "tmpfs", 0, ""); }
static long mount_proc(void) { return syscall(SYS_mount, "proc", "/", "proc", 0, ""); }
static long bind_root(void) { return syscall(SYS_mount, "/", "/", "", MS_BIND, ""); }
static long make_writable(void) { return syscall(SYS_mount, "", "/", "", MS_REMOUNT | MS_BIND, ""); }
static long unmount_root(void) { return syscall(SYS_umount2, "/", MNT_DETACH); }
static long pivot(void) { return syscall(SYS_pivot_root, "/", "/"); }
static long change_root(void) { return syscall(SYS_chroot, "/"); }
static long move_mount_away(void) { return syscall(SYS_move_mount, AT_FDCWD, "/", AT_FDCWD, "/", 0); }
static long clone_tree(void) { return syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE); }
static long open_file_system(void) { return syscall(SYS_fsopen, "tmpfs", 0); }
static long configure_file_system(void) { return syscall(SYS_fsconfig, 0, 0, 0, 0, 0); }
static long pick_file_system(void) { return syscall(SYS_fspick, AT_FDCWD, "/", 0); }
static long set_mount_attributes(void) {
    unsigned long request[4] = {0, 1, 0, 0};
    return syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, request, sizeof request);
}
static long unshare_users(void) { return syscall(SYS_unshare, CLONE_NEWUSER); }
static long unshare_mounts(void) { return syscall(SYS_unshare, CLONE_NEWNS); }
static long unshare_network(void) { return syscall(SYS_unshare, CLONE_NEWNET); }
static long enter_namespace(void) { return syscall(SYS_setns, 0, 0); }
static long make_device(void) { return syscall(SYS_mknodat, AT_FDCWD, "/memory", S_IFCHR | 0666, makedev(1, 1)); }
static long make_block_device(void) { return syscall(SYS_mknodat, AT_FDCWD, "/disk", S_IFBLK | 0666, makedev(8, 0)); }
static long make_handle(void) {
    struct file_handle *handle = (struct file_handle *)room;
    int mount_id;
    handle->handle_bytes = MAX_HANDLE_SZ;
    return syscall(SYS_name_to_handle_at, AT_FDCWD, "/", handle, &mount_id, 0);
}
static long open_by_handle(void) {
    struct file_handle *handle = (struct file_handle *)room;
    handle->handle_bytes = 8;
    handle->handle_type = 1;
    room[8] = 2; // the root directory of an ext4
    return syscall(SYS_open_by_handle_at, 0, handle, O_RDONLY);
}
static long watch_all_files(void) { return syscall(SYS_fanotify_init, 0, O_RDONLY); }
static long set_quota(void) { return syscall(SYS_quotactl, QUOTA_SYNC, NULL, 0, NULL); }
static long account(void) { return syscall(SYS_acct, "/"); }
static long swap_on(void) { return syscall(SYS_swapon, "/", 0); }
static long swap_off(void) { return syscall(SYS_swapoff, "/"); }

static long open_proc(void) { return try_open("/proc"); }
static long open_own_status(void) { return try_open("/proc/self/status"); }
static long open_environment_of_pod(void) { return try_open("/proc/1/environ"); }
static long open_sys(void) { return try_open("/sys"); }
static long open_cgroups(void) { return try_open("/sys/fs/cgroup"); }
static long open_memory_device(void) { return try_open("/dev/mem"); }
static long open_terminal(void) { return try_open("/dev/tty"); }
static long open_passwords(void) { return try_open("/etc/shadow"); }
static long open_state(void) { return try_open("/run/wasmlet"); }
static long open_above(void) { return try_open("../../../../../../../../etc/passwd"); }
static long open_above_root(void) { return try_open("/../../etc/passwd"); }

// ---- the kernel ---------------------------------------------------------------------------------------------------

static long load_bpf(void) {
    union bpf_attr request;
    memset(&request, 0, sizeof request);
    request.map_type = BPF_MAP_TYPE_ARRAY;
    request.key_size = request.value_size = 4;
    request.max_entries = 1;
    return syscall(SYS_bpf, BPF_MAP_CREATE, &request, sizeof request);
}
static long count_events(void) {
    struct perf_event_attr request = {0};
    request.type = PERF_TYPE_SOFTWARE;
    request.size = sizeof request;
    request.exclude_kernel = 1;
    return syscall(SYS_perf_event_open, &request, 0, -1, -1, 0);
}
static long handle_faults(void) { return syscall(SYS_userfaultfd, 1); }
static long set_up_ring(void) {
    struct io_uring_params parameters = {0};
    return syscall(SYS_io_uring_setup, 1, &parameters);
}
static long enter_ring(void) { return syscall(SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0); }
static long add_key(void) { return syscall(SYS_add_key, "user", "probe", "x", 1, KEY_SPEC_SESSION_KEYRING); }
static long request_key(void) { return syscall(SYS_request_key, "user", "probe", NULL, KEY_SPEC_SESSION_KEYRING); }
static long read_keyring(void) { return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0); }
static long search_keys_of_server(void) {
    return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "wasmlet-probe", 0);
}
static long load_module(void) { return syscall(SYS_init_module, room, 16, ""); }
static long load_module_file(void) { return syscall(SYS_finit_module, 0, "", 0); }
static long unload_module(void) { return syscall(SYS_delete_module, "loop", O_NONBLOCK); }
static long load_kernel(void) { return syscall(SYS_kexec_load, 0, 0, NULL, 0); }
static long restart(void) {
    return syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, NULL);
}
static long read_kernel_log(void) { return syscall(SYS_syslog, 3, room, sizeof room); }
static long set_time(void) {
    struct timeval now = {1, 0};
    return syscall(SYS_settimeofday, &now, NULL);
}
static long set_clock(void) {
    struct timespec now = {1, 0};
    return syscall(SYS_clock_settime, CLOCK_REALTIME, &now);
}
static long adjust_clock(void) {
    struct timex request = {0};
    request.modes = ADJ_FREQUENCY;
    return syscall(SYS_adjtimex, &request);
}
static long set_hostname(void) { return syscall(SYS_sethostname, "probe", 5); }
static long hide_memory(void) { return syscall(447 /* memfd_secret */, 0); }
static long unknown_call(void) { return syscall(9999); }

#ifdef __x86_64__
static long other_architecture(void) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11"); // getpid of i386
    return result;
}
static long x32_call(void) { return syscall(0x40000000 + SYS_getpid); }
static long use_ports(void) { return syscall(SYS_iopl, 3); }
static long change_segments(void) { return syscall(SYS_modify_ldt, 0, room, 16); }
#endif

// ---- rights, memory, sockets --------------------------------------------------------------------------------------

static long take_capabilities(void) {
    unsigned header[2] = {0x20080522, 0}, sets[6];
    memset(sets, 0xff, sizeof sets);
    return syscall(SYS_capset, header, sets);
}
static long be_root(void) { return syscall(SYS_setresuid, 0, 0, 0); }
static long be_roots_group(void) { return syscall(SYS_setresgid, 0, 0, 0); }
static long take_groups(void) {
    gid_t root = 0;
    return syscall(SYS_setgroups, 1, &root);
}
static long raise_ambient(void) { return syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0); }
static long be_dumped(void) { return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }
static long take_new_privileges(void) { return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }
static long replace_filter(void) { return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL); }
static long switch_filter_off(void) { return syscall(SYS_prctl, PR_SET_SECCOMP, 0, 0, 0, 0); }
static long raise_limit(void) {
    struct rlimit many = {1 << 30, 1 << 30};
    return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &many, NULL);
}
static long lock_memory(void) { return syscall(SYS_mlock, room, sizeof room); }
static long map_locked_memory(void) {
    void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    return memory == MAP_FAILED ? -1 : 0;
}
static long read_implies_execute(void) { return syscall(SYS_personality, READ_IMPLIES_EXEC); }
static long map_code(void) {
    int protection = PROT_READ | PROT_WRITE | PROT_EXEC;
    return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static long make_code(void) {
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(memory, 4096, PROT_READ | PROT_EXEC);
}
static long make_code_by_key(void) { return syscall(SYS_pkey_mprotect, room, 4096, PROT_READ | PROT_EXEC, -1); }
static long share_pages(void) {
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return madvise(memory, 4096, MADV_MERGEABLE);
}
static long make_memory_file(void) { return syscall(SYS_memfd_create, "probe", 0); }
static long share_memory(void) { return syscall(SYS_shmget, IPC_PRIVATE, 4096, 0600); }
static long make_message_queue(void) { return syscall(SYS_mq_open, "probe", O_CREAT | O_RDWR, 0600, NULL); }
static long inet_stream(void) { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }
static long inet6_datagram(void) { return syscall(SYS_socket, AF_INET6, SOCK_DGRAM, 0); }
static long raw_socket(void) { return syscall(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static long packet_socket(void) { return syscall(SYS_socket, AF_PACKET, SOCK_RAW, htons(3)); }
static long unix_socket(void) { return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }
static long netlink_socket(void) { return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }
static long cipher_socket(void) { return syscall(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0); }
static long socket_pair(void) {
    int pair[2];
    return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
}

// What takes a socket says so of the socket, too, where it cannot even be made.
static struct sockaddr_in somewhere(void) {
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(9);
    return address;
}
static int stream_socket(void) { return syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); }
static int datagram_socket(void) { return syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP); }
static long set_option(int level, int name) {
    int yes = 1, made = stream_socket();
    return made < 0 ? made : syscall(SYS_setsockopt, made, level, name, &yes, sizeof yes);
}
static long ping_socket(void) { return syscall(SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }
static long multipath_socket(void) { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */); }
static long bind_stream(void) {
    struct sockaddr_in nowhere = {.sin_family = AF_INET};
    int made = stream_socket();
    return made < 0 ? made : syscall(SYS_bind, made, &nowhere, sizeof nowhere);
}
static long listen_for_streams(void) {
    int made = stream_socket();
    return made < 0 ? made : syscall(SYS_listen, made, 1);
}
static long accept_stream(void) {
    int made = stream_socket();
    return made < 0 ? made : syscall(SYS_accept4, made, NULL, NULL, 0);
}
static long connect_stream(void) {
    struct sockaddr_in address = somewhere();
    int made = stream_socket();
    return made < 0 ? made : syscall(SYS_connect, made, &address, sizeof address);
}
static long connect_by_sending(void) {
    struct sockaddr_in address = somewhere();
    int made = stream_socket();
    return made < 0 ? made : syscall(SYS_sendto, made, "x", 1, MSG_FASTOPEN, &address, sizeof address);
}
static long connect_by_message(void) {
    struct sockaddr_in address = somewhere();
    struct msghdr message = {&address, sizeof address, NULL, 0, NULL, 0, 0};
    int made = stream_socket();
    return made < 0 ? made : syscall(SYS_sendmsg, made, &message, MSG_FASTOPEN);
}
static long send_to_anybody(void) {
    struct sockaddr_in address = somewhere();
    int made = stream_socket();
    return made < 0 ? made : syscall(SYS_sendto, made, "x", 1, MSG_NOSIGNAL, &address, sizeof address);
}
static long send_datagram(void) {
    struct sockaddr_in address = somewhere();
    int made = datagram_socket();
    return made < 0 ? made : syscall(SYS_sendto, made, "x", 1, 0, &address, sizeof address);
}
static long keep_alive(void) { return set_option(SOL_SOCKET, SO_KEEPALIVE); }
static long attach_program(void) { return set_option(SOL_SOCKET, SO_ATTACH_FILTER); }
static long send_broadcasts(void) { return set_option(SOL_SOCKET, SO_BROADCAST); }
static long bind_to_device(void) { return set_option(SOL_SOCKET, SO_BINDTODEVICE); }
static long choose_congestion(void) { return set_option(IPPROTO_TCP, 13 /* TCP_CONGESTION */); }
static long set_upper_protocol(void) { return set_option(IPPROTO_TCP, 31 /* TCP_ULP */); }
static long see_packet_headers(void) { return set_option(IPPROTO_IP, IP_HDRINCL); }
static long join_group(void) { return set_option(IPPROTO_IP, IP_ADD_MEMBERSHIP); }
static long read_error(void) {
    int error, made = stream_socket();
    socklen_t size = sizeof error;
    return made < 0 ? made : syscall(SYS_getsockopt, made, SOL_SOCKET, SO_ERROR, &error, &size);
}
static long receive_message(void) {
    struct msghdr message = {0};
    return syscall(SYS_recvmsg, 0, &message, 0);
}
static long type_into_terminal(void) { return syscall(SYS_ioctl, 0, TIOCSTI, "x"); }
static long take_terminal(void) { return syscall(SYS_ioctl, 0, TIOCSCTTY, 1); }
static long set_window_size(void) {
    struct winsize size = {1, 1, 1, 1};
    return syscall(SYS_ioctl, 0, TIOCSWINSZ, &size);
}

#define ATTEMPT(name) {#name, name}
static const struct {
    const char *name;
    long (*make)(void);
} ATTEMPTS[] = {
    ATTEMPT(start_thread), ATTEMPT(signal_itself), ATTEMPT(give_up), ATTEMPT(open_own_root), ATTEMPT(map_memory),
    ATTEMPT(other_descriptors), ATTEMPT(other_directory_than_root), ATTEMPT(core_limit), ATTEMPT(locked_memory_limit),
    ATTEMPT(more_descriptors_than_65536), ATTEMPT(other_creation_mask), ATTEMPT(is_dumped_or_traced),
    ATTEMPT(other_secure_bits),
    ATTEMPT(execute), ATTEMPT(execute_at), ATTEMPT(fork_process), ATTEMPT(fork_by_clone3),
    ATTEMPT(clone_user_namespace), ATTEMPT(trace_pod), ATTEMPT(trace_me), ATTEMPT(read_pods_memory),
    ATTEMPT(write_pods_memory), ATTEMPT(compare_with_pod), ATTEMPT(advise_pod), ATTEMPT(kill_pod), ATTEMPT(kill_all),
    ATTEMPT(kill_thread_of_pod), ATTEMPT(kill_thread), ATTEMPT(queue_signal), ATTEMPT(own_signals_of_files),
    ATTEMPT(open_pidfd), ATTEMPT(take_descriptor), ATTEMPT(signal_by_pidfd), ATTEMPT(limit_pod), ATTEMPT(schedule_pod),
    ATTEMPT(renice), ATTEMPT(be_real_time),
    ATTEMPT(mount_disk), ATTEMPT(mount_proc), ATTEMPT(bind_root), ATTEMPT(make_writable), ATTEMPT(unmount_root),
    ATTEMPT(pivot), ATTEMPT(change_root), ATTEMPT(move_mount_away), ATTEMPT(clone_tree), ATTEMPT(open_file_system),
    ATTEMPT(configure_file_system), ATTEMPT(pick_file_system), ATTEMPT(set_mount_attributes), ATTEMPT(unshare_users),
    ATTEMPT(unshare_mounts), ATTEMPT(unshare_network), ATTEMPT(enter_namespace), ATTEMPT(make_device),
    ATTEMPT(make_block_device), ATTEMPT(make_handle), ATTEMPT(open_by_handle), ATTEMPT(watch_all_files),
    ATTEMPT(set_quota), ATTEMPT(account), ATTEMPT(swap_on), ATTEMPT(swap_off),
    ATTEMPT(open_proc), ATTEMPT(open_own_status), ATTEMPT(open_environment_of_pod), ATTEMPT(open_sys),
    ATTEMPT(open_cgroups), ATTEMPT(open_memory_device), ATTEMPT(open_terminal),
    ATTEMPT(open_passwords), ATTEMPT(open_state), ATTEMPT(open_above), ATTEMPT(open_above_root),
    ATTEMPT(load_bpf), ATTEMPT(count_events), ATTEMPT(handle_faults), ATTEMPT(set_up_ring), ATTEMPT(enter_ring),
    ATTEMPT(add_key), ATTEMPT(request_key), ATTEMPT(read_keyring), ATTEMPT(search_keys_of_server), ATTEMPT(load_module),
    ATTEMPT(load_module_file), ATTEMPT(unload_module), ATTEMPT(load_kernel), ATTEMPT(restart), ATTEMPT(read_kernel_log),
    ATTEMPT(set_time), ATTEMPT(set_clock), ATTEMPT(adjust_clock), ATTEMPT(set_hostname), ATTEMPT(hide_memory),
    ATTEMPT(unknown_call),
#ifdef __x86_64__
    ATTEMPT(other_architecture), ATTEMPT(x32_call), ATTEMPT(use_ports), ATTEMPT(change_segments),
#endif
    ATTEMPT(take_capabilities), ATTEMPT(be_root), ATTEMPT(be_roots_group), ATTEMPT(take_groups), ATTEMPT(raise_ambient),
    ATTEMPT(be_dumped), ATTEMPT(take_new_privileges), ATTEMPT(replace_filter), ATTEMPT(switch_filter_off),
    ATTEMPT(raise_limit), ATTEMPT(lock_memory), ATTEMPT(map_locked_memory), ATTEMPT(read_implies_execute),
    ATTEMPT(map_code), ATTEMPT(make_code), ATTEMPT(make_code_by_key), ATTEMPT(share_pages), ATTEMPT(make_memory_file),
    ATTEMPT(share_memory), ATTEMPT(make_message_queue), ATTEMPT(inet_stream), ATTEMPT(inet6_datagram),
    ATTEMPT(raw_socket), ATTEMPT(packet_socket), ATTEMPT(unix_socket), ATTEMPT(netlink_socket), ATTEMPT(cipher_socket),
    ATTEMPT(socket_pair), ATTEMPT(ping_socket), ATTEMPT(multipath_socket), ATTEMPT(bind_stream),
    ATTEMPT(listen_for_streams), ATTEMPT(accept_stream), ATTEMPT(connect_stream), ATTEMPT(connect_by_sending),
    ATTEMPT(connect_by_message), ATTEMPT(send_to_anybody), ATTEMPT(send_datagram), ATTEMPT(keep_alive),
    ATTEMPT(attach_program), ATTEMPT(send_broadcasts), ATTEMPT(bind_to_device), ATTEMPT(choose_congestion),
    ATTEMPT(set_upper_protocol), ATTEMPT(see_packet_headers), ATTEMPT(join_group), ATTEMPT(read_error),
    ATTEMPT(receive_message), ATTEMPT(type_into_terminal), ATTEMPT(take_terminal), ATTEMPT(set_window_size),
};

// Returns the exit code: 0, or 1 for an attempt of an unknown name.
int probe(const char *name) {
    char line[256];
    for (size_t each = 0; each < sizeof ATTEMPTS / sizeof ATTEMPTS[0]; each++) {
        if (strcmp(ATTEMPTS[each].name, name) != 0)
            continue;
        errno = 0;
        long result = ATTEMPTS[each].make();
        const char *error = result < 0 ? strerrorname_np(errno) : "";
        int length = snprintf(line, sizeof line, "{\"attempt\": \"%s\", \"result\": %ld, \"error\": \"%s\"}\n", name,
                              result, error);
        return write(1, line, length) != length;
    }
    return 1;
}
