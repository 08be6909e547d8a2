#!/bin/busybox sh
# The guest's first process: a writable layer over the root file system of the host, with the guest's own modules, then
# the command that the host left in the shared directory. Its exit status goes there too.
B=/bin/busybox

$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
for module in /modules/*.ko; do $B insmod "$module" || echo "guest: cannot load $module"; done

options=trans=virtio,version=9p2000.L,msize=524288
$B mount -t 9p -o $options,cache=loose,ro host /host
$B mount -t tmpfs layer /layer
$B mkdir /layer/upper /layer/work
$B mount -t overlay root -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work /new
$B mkdir -p /new/guest /new/lib/modules
$B mount -t 9p -o $options,cache=none shared /new/guest
$B mount --bind /new/guest/modules /new/lib/modules

for each in proc sys dev; do $B mount --move /$each /new/$each; done
$B mount -t tmpfs run /new/run
$B mkdir -p /new/dev/pts /new/dev/shm
$B mount -t devpts pts /new/dev/pts
$B mount -t tmpfs shm /new/dev/shm
$B mount -t bpf bpf /new/sys/fs/bpf
$B mount -t cgroup2 cgroup /new/sys/fs/cgroup

# Not chroot: the kernel starts modprobe in the root of its first process.
exec $B switch_root /new /bin/sh -c '
  ip link set lo up
  sh /guest/run.sh
  echo $? > /guest/status
  sync
  /bin/busybox poweroff -f
'
