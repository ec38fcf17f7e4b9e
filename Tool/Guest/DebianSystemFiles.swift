import Foundation
import SystemImage

/// The files of a Debian on a disk that come from no package: what an installer would ask for.
struct DebianSystemFiles {
    let system: DebianSystem
    /// The list of apt's sources.
    let sources: String

    /// The script that configures the packages at the system's first start.
    static let setup = "entente-setup"
    /// The tool's initial RAM disk on the disk, until the setup gives it its name. If it had its name before, the setup
    /// would replace it by a larger one, which takes minutes.
    static let initrd = "entente-initrd"

    /// Writes the files into the folder of the unpacked packages.
    func write(into tree: URL) throws {
        for (path, text) in files {
            let file = tree.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
    }

    /// The machine's name comes from its device tree, so there is no `/etc/hostname` unless the user writes one.
    private var files: [String: String] {
        [
            Self.setup: Self.setupScript,
            "etc/apt/sources.list": sources,
            "etc/fstab": "LABEL=\(DebianSystem.diskName) / ext4 errors=remount-ro,x-systemd.growfs 0 1\n",
            "etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
            "etc/default/locale": "LANG=C.UTF-8\n",
            "etc/machine-id": "",
            "etc/resolv.conf": "",
            "etc/systemd/system/serial-getty@ttyAMA0.service.d/autologin.conf": Self.autologin,
            "etc/profile.d/console.sh": Self.profile,
            "etc/u-boot-menu/conf.d/entente.conf": Self.bootMenu,
            "etc/systemd/system/entente-name.service": Self.nameService,
        ]
    }

    private static let autologin = """
        [Service]
        ExecStart=
        ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200,57600,38400,9600 - $TERM

        """

    /// The commands for each login. A serial line has no size, and the first prompt comes when the system has started.
    private static let profile = """
        if [ "$(tty)" = /dev/ttyAMA0 ]; then
            terminal=/proc/device-tree/chosen/entente,terminal
            if [ -e $terminal ]; then stty $(tr -d '\\0' <$terminal); else stty rows 24 cols 80; fi
            unset terminal
            timeout 120 systemctl is-system-running --wait >/dev/null 2>&1
        fi

        """

    /// The settings of `u-boot-update`, which writes /boot/extlinux/extlinux.conf for each installed kernel. The device
    /// tree is the machine's own, and not one of the kernel's package. The time-out is in tenths of a second.
    private static let bootMenu = """
        U_BOOT_PARAMETERS="ro console=ttyAMA0"
        U_BOOT_TIMEOUT=10
        U_BOOT_FDT_DIR=/none-

        """

    /// Gives the machine its name from the device tree. The tool's initial RAM disk does so earlier, but that of a
    /// kernel that was installed in the machine does not.
    private static let nameService = """
        [Unit]
        Description=Name of the machine from its device tree
        DefaultDependencies=no
        Before=sysinit.target
        ConditionPathExists=/proc/device-tree/chosen/entente,name
        ConditionPathExists=!/etc/hostname

        [Service]
        Type=oneshot
        ExecStart=/bin/sh -c 'tr -d "\\\\0" </proc/device-tree/chosen/entente,name >/proc/sys/kernel/hostname'

        """

    /// The end of the setup's output if all is well.
    static let success = "entente: all packages are configured"

    /// Configures all packages in an order that dpkg finds. The programs that a package runs before it is unpacked run
    /// first, because the tool has unpacked it without them. base-passwd comes before all others, because they need its
    /// users.
    private static let setupScript = """
        #!/bin/sh
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root TERM=dumb
        export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
        # The tool makes the initial RAM disk.
        export INITRD=No
        printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
        database=/var/lib/dpkg
        mv $database/order /run/order
        ldconfig
        for package in base-passwd $(grep -v '^base-passwd$' /run/order); do
            script=$database/info/$package.preinst
            [ -f "$script" ] || continue
            chmod 755 "$script"
            DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=${package%:*} DPKG_MAINTSCRIPT_ARCH=arm64 \\
                DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ADMINDIR=$database DPKG_ROOT= \\
                DPKG_RUNNING_VERSION=1.21 "$script" install || echo "preinst of $package failed"
        done
        dpkg --force-unsafe-io --force-depends --configure base-passwd
        dpkg --force-unsafe-io --configure -a && [ -z "$(dpkg --audit)" ] && done=yes
        # A boot loader takes both from the disk. A kernel that is installed in the machine brings its own.
        kernel=$(linux-version list)
        mv "/\(initrd)" "/boot/initrd.img-$kernel" && u-boot-update || done=
        mkdir -p /etc/systemd/system/sysinit.target.wants
        ln -s ../entente-name.service /etc/systemd/system/sysinit.target.wants/
        rm -f /usr/sbin/policy-rc.d /run/order /etc/hostname /\(setup)
        : >/etc/machine-id
        sync
        [ -z "$done" ] || echo '\(success)'

        """
}

/// The initial RAM disk that mounts a Debian's root file system and starts its systemd. It has busybox and Debian's
/// drivers of the disk.
struct DebianDiskStart {
    let tree: URL

    /// The modules in the order of loading. The flavour `cloud` has those of ext4 in the kernel.
    private static let modules =
        DiskDrivers.names + ["crc16.ko", "crc32c_generic.ko", "mbcache.ko", "jbd2.ko", "ext4.ko"]

    /// The word of the kernel's command line that asks for the configuration of the packages.
    static let setupWord = "entente.setup"

    func archive() throws -> Data {
        var archive = CpioArchive()
        for path in ["bin", "dev", "lib", "proc", "root", "sys"] { archive.add(directory: path) }
        archive.add(characterDevice: "dev/console", major: 5, minor: 1, permissions: 0o600)
        archive.add(
            file: "bin/busybox", contents: try Data(contentsOf: tree.appendingPathComponent("bin/busybox")),
            permissions: 0o755)
        for name in [
            "sh", "insmod", "mount", "umount", "chroot", "poweroff", "switch_root", "grep", "usleep", "tr", "hostname",
            "cat",
        ] {
            archive.add(link: "bin/\(name)", to: "busybox")
        }
        let contents = FileManager.default.enumerator(
            at: tree.appendingPathComponent("usr/lib/modules"), includingPropertiesForKeys: nil)
        for case let file as URL in contents?.allObjects ?? [] where Self.modules.contains(file.lastPathComponent) {
            archive.add(file: "lib/\(file.lastPathComponent)", contents: try Data(contentsOf: file))
        }
        archive.add(file: "init", contents: Data(Self.script.utf8), permissions: 0o755)
        return archive.finished()
    }

    /// The program of the first process. The disk's identity is its name in the manifest.
    private static let script = """
        #!/bin/sh
        export PATH=/bin
        mount -t proc proc /proc
        mount -t sysfs sysfs /sys
        mount -t devtmpfs devtmpfs /dev
        for module in \(modules.joined(separator: " ")); do [ ! -e /lib/$module ] || insmod /lib/$module; done
        name=/proc/device-tree/chosen/entente,name
        if [ -e $name ]; then hostname "$(tr -d '\\0' <$name)"; else hostname debian; fi
        while [ ! -b /dev/vda ]; do usleep 20000; done
        root=vda
        for disk in /sys/block/vd*; do
            [ "$(cat $disk/serial 2>/dev/null)" != \(DebianSystem.diskName) ] || root=${disk##*/}
        done
        if grep -q \(setupWord) /proc/cmdline; then
            mount -t ext4 -o noatime /dev/$root /root
            for folder in proc sys dev; do mount --move /$folder /root/$folder; done
            mount -t tmpfs tmpfs /root/run
            chroot /root /bin/sh /\(DebianSystemFiles.setup)
            for folder in run dev sys; do umount /root/$folder; done
            mount --move /root/proc /proc
            umount /root
            poweroff -f
        fi
        mount -t ext4 -o ro /dev/$root /root
        for folder in proc sys dev; do mount --move /$folder /root/$folder; done
        exec switch_root /root /sbin/init

        """
}
