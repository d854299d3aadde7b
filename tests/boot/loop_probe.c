/* SPDX-License-Identifier: Apache-2.0 */
/* loop_probe DEVICE FILE: tries what root would do to change what is read
 * from a loop device: put FILE, of the same size, in the place of what is
 * behind it, and write to it past the page cache. Prints two lines, `change`
 * and `write`, each with `ok` or an errno's name. The exit status is 0. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void told(const char *what, int failed)
{
        (void)printf("%s: %s\n", what, failed ? strerrorname_np(errno) : "ok");
}

int main(int argc, char **argv)
{
        int dev = argc == 3 ? open(argv[1], O_RDONLY) : -1;
        int file = argc == 3 ? open(argv[2], O_RDWR) : -1;
        int direct;
        void *block = NULL;

        if (dev < 0 || file < 0 || posix_memalign(&block, 4096, 4096) != 0)
                return 2;
        memset(block, 'x', 4096);
        told("change", ioctl(dev, LOOP_CHANGE_FD, file) < 0);
        direct = open(argv[1], O_RDWR | O_DIRECT);
        told("write", direct < 0 || pwrite(direct, block, 4096, 0) != 4096);
        return 0;
}
