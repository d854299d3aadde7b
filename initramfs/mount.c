/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Where the image lives
 * In a memfd that is sealed before it is mounted: no write, no other size, no
 * other seals, for root on the running node too. A file on a tmpfs could be
 * written through its path or changed behind a read-only loop device with
 * LOOP_CHANGE_FD. So the loop device is not flagged read-only, which makes
 * the kernel refuse that call; what is written to the device never reaches
 * the memfd, and squashfs reads past the device's page cache. The mount is
 * read-only, and nobody but the loop device has the memfd once the client
 * has ended. */
#include "node.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#define SLACK (64ull << 20) /* RAM to leave for the system itself */
#define PAGE 4096ull
#define LOOP_TRIES 16
#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

static const char next_mount[] = "see that the initramfs has the loop, overlay and squashfs modules; "
                                 "add the image again if it is damaged";

static int mount_fail(struct node *n, int r, const char *what)
{
        return fail_set(&n->f, r, "E-MOUNT", next_mount, "%s of image %s: %s", what, n->manifest.name, strerror(-r));
}

static uint64_t mem_available(void)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        const char *p;

        if (file_read("/proc/meminfo", 65536, &b) < 0)
                return 0;
        p = strstr((char *)b.p, "MemAvailable:");
        return p ? strtoull(p + strlen("MemAvailable:"), NULL, 10) * 1024 : 0;
}

static uint64_t page_up(uint64_t n)
{
        return (n + PAGE - 1) / PAGE * PAGE;
}

static void path_of(const struct boot_options *o, const char *name, char ret[512])
{
        (void)snprintf(ret, 512, "%s/%s", o->run_dir, name);
}

/* Where the kernel has them: a quarter of the time to write. Only for what is
 * allocated until the next call. */
static void huge_pages(const char *when)
{
        _cleanup_(closep) int fd = open(HUGE_PAGES, O_WRONLY | O_CLOEXEC);

        if (fd >= 0 && write(fd, when, strlen(when)) < 0)
                log_info("huge pages for the image: %s", strerror(errno)); /* it works without */
}

static int memory_file(void)
{
        int fd = memfd_create("muster-image", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

        if (fd < 0 && errno == EINVAL) /* a kernel before 6.3 */
                fd = memfd_create("muster-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return fd;
}

int node_store_open(struct node *n)
{
        uint64_t size = page_up((uint64_t)n->manifest.plain_size);
        uint64_t have = mem_available();
        const char *file = n->opt->image_file;

        if (file) {
                n->image_fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
                return n->image_fd < 0 ? mount_fail(n, -errno, "make the file") : 0;
        }
        if (have < size + SLACK)
                return fail_set(&n->f, -ENOMEM, "E-MEMORY", "give the node more RAM, or use a smaller image",
                                "hold image %s of %llu MiB: %llu MiB of RAM are free, and %llu are kept for the "
                                "system", n->manifest.name, (unsigned long long)(size >> 20),
                                (unsigned long long)(have >> 20), (unsigned long long)(SLACK >> 20));
        n->image_fd = memory_file();
        if (n->image_fd < 0)
                return mount_fail(n, -errno, "make a file in memory");
        huge_pages("always");
        return 0;
}

/* From here on nobody changes it. */
static int seal_image(struct node *n)
{
        huge_pages("never");
        if (ftruncate(n->image_fd, (off_t)page_up((uint64_t)n->manifest.plain_size)) < 0)
                return mount_fail(n, -errno, "complete the file");
        if (fcntl(n->image_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return mount_fail(n, -errno, "seal the file");
        return 0;
}

/* -EPERM: the kernel made it a read-only device, whose file root could change. */
static int loop_writable(int dev)
{
        struct loop_info64 info = { 0 };

        if (ioctl(dev, LOOP_GET_STATUS64, &info) < 0)
                return -errno;
        return info.lo_flags & LO_FLAGS_READ_ONLY ? -EPERM : 0;
}

static int loop_attach(struct node *n, int image, char ret_dev[32])
{
        _cleanup_(closep) int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        struct loop_config c = { .fd = (uint32_t)image,
                                 .info.lo_flags = LO_FLAGS_AUTOCLEAR };

        if (ctl < 0)
                return mount_fail(n, -errno, "open /dev/loop-control");
        for (int i = 0; i < LOOP_TRIES; i++) {
                int nr = ioctl(ctl, LOOP_CTL_GET_FREE);
                int dev;
                int r;

                if (nr < 0)
                        return mount_fail(n, -errno, "find a loop device");
                (void)snprintf(ret_dev, 32, "/dev/loop%d", nr);
                (void)mknod(ret_dev, S_IFBLK | 0600, makedev(7, (unsigned)nr));
                dev = open(ret_dev, O_RDWR | O_CLOEXEC);
                if (dev < 0)
                        return mount_fail(n, -errno, "open a loop device");
                r = ioctl(dev, LOOP_CONFIGURE, &c) < 0 ? -errno : 0;
                if (r == 0) {
                        r = loop_writable(dev);
                        if (r == 0)
                                return dev; /* kept open until it is mounted */
                        (void)close(dev);
                        return mount_fail(n, r, "keep the loop device from being changed");
                }
                (void)close(dev);
                if (r != -EBUSY)
                        return mount_fail(n, r, "set up the loop device");
        }
        return mount_fail(n, -EBUSY, "find a loop device");
}

static int mount_layers(struct node *n, const char *dev)
{
        char ro[512];
        char rw[512];
        char path[600];
        char opts[2048];

        path_of(n->opt, "ro", ro);
        path_of(n->opt, "rw", rw);
        if ((mkdir(ro, 0755) < 0 && errno != EEXIST) || (mkdir(rw, 0755) < 0 && errno != EEXIST))
                return mount_fail(n, -errno, "make the mount points");
        if (mount(dev, ro, WIRE_IMAGE_FORMAT, MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
                return mount_fail(n, -errno, "mount the file system");
        n->mounted |= MOUNTED_RO;
        if (mount("muster-rw", rw, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
                return mount_fail(n, -errno, "make a tmpfs for changes");
        n->mounted |= MOUNTED_RW;
        for (int i = 0; i < 2; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", rw, i ? "work" : "upper");
                /* the root directory's mode, whatever the umask */
                if (mkdir(path, 0755) < 0 || chmod(path, 0755) < 0)
                        return mount_fail(n, -errno, "make the overlay");
        }
        (void)snprintf(opts, sizeof(opts), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", ro, rw, rw);
        if (mount("muster-root", n->opt->sysroot, "overlay", 0, opts) < 0)
                return mount_fail(n, -errno, "mount the overlay");
        n->mounted |= MOUNTED_ROOT;
        return 0;
}

int file_write_at(int dir, const char *name, mode_t mode, const void *p, size_t len)
{
        _cleanup_(closep) int fd = -1;
        const uint8_t *b = p;

        if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd < 0)
                return -errno;
        while (len > 0) {
                ssize_t k = write(fd, b, len);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                b += k;
                len -= (size_t)k;
        }
        return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* Each part must be a real directory of the image, not a link elsewhere. */
static int open_dir(int at, const char *name, bool make)
{
        int fd;
        bool made = make && mkdirat(at, name, 0755) == 0;

        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && made && fchmod(fd, 0755) < 0) { /* whatever the umask */
                int r = -errno;

                (void)close(fd);
                return r;
        }
        return fd < 0 ? -errno : fd;
}

static int write_root(struct node *n)
{
        _cleanup_(closep) int root = open(n->opt->sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closep) int etc = -1;
        _cleanup_(closep) int ssh = -1;
        _cleanup_(closep) int conf_d = -1;
        char text[1024];
        int k;
        int r;

        if (root < 0)
                return mount_fail(n, -errno, "open the new root");
        etc = open_dir(root, "etc", true); /* a system may have all of it in /usr */
        if (etc < 0)
                return mount_fail(n, etc, "open /etc");
        k = snprintf(text, sizeof(text), "%s\n", n->verdict.name);
        r = file_write_at(etc, "hostname", 0644, text, (size_t)k);
        if (r < 0)
                return mount_fail(n, r, "write /etc/hostname");
        ssh = open_dir(etc, "ssh", false);
        if (ssh < 0)
                return 0; /* an image without sshd */
        conf_d = open_dir(ssh, "sshd_config.d", true);
        if (conf_d < 0)
                return mount_fail(n, conf_d, "open /etc/ssh/sshd_config.d");
        k = snprintf(text, sizeof(text),
                     "# written by muster-node at boot\nHostKey %s/ssh_host_ed25519_key\n"
                     "HostCertificate %s/ssh_host_ed25519_key-cert.pub\n",
                     n->opt->run_dir, n->opt->run_dir);
        r = file_write_at(conf_d, "10-muster.conf", 0644, text, (size_t)k);
        return r < 0 ? mount_fail(n, r, "write 10-muster.conf") : 0;
}

/* Links of the image, absolute ones too, never lead out of it. */
static bool can_run(int root, const char *path)
{
        struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
        _cleanup_(closep) int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

/* What switch_root would start: better missed now than behind the cap. */
static int check_init(struct node *n)
{
        static const char *const usual[] = { "/sbin/init", "/usr/lib/systemd/systemd", "/etc/init", "/bin/init" };
        _cleanup_(closep) int root = open(n->opt->sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(buf_wipe) struct buf line = { 0 };
        char named[256] = "";

        if (root < 0)
                return mount_fail(n, -errno, "open the new root");
        if (file_read("/proc/cmdline", 65536, &line) == 0)
                cmdline_value((char *)line.p, "init=", named, sizeof(named));
        if (named[0] && can_run(root, named))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                if (can_run(root, usual[i]))
                        return 0;
        return fail_set(&n->f, -ENOENT, "E-MOUNT", "add an image of a whole system with `muster image add`",
                        "start image %s: it has no program %s%s/sbin/init, nor systemd", n->manifest.name, named,
                        named[0] ? ", " : "");
}

int node_mount(struct node *n)
{
        _cleanup_(closep) int dev = -1;
        char name[32];
        int r = seal_image(n);

        if (r < 0)
                return r;
        dev = loop_attach(n, n->image_fd, name);
        if (dev < 0)
                return dev;
        r = mount_layers(n, name);
        if (r == 0)
                r = check_init(n);
        if (r == 0)
                r = write_root(n);
        node_stage(n, "mount");
        return r;
}

void node_unmount(struct node *n)
{
        static const struct {
                unsigned bit;
                const char *name;
        } ours[] = { { MOUNTED_RW, "rw" }, { MOUNTED_RO, "ro" } };
        char path[512];

        if (n->mounted & MOUNTED_ROOT)
                (void)umount2(n->opt->sysroot, MNT_DETACH);
        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                if (n->mounted & ours[i].bit) {
                        path_of(n->opt, ours[i].name, path);
                        (void)umount2(path, MNT_DETACH);
                }
        n->mounted = 0;
}
