import Foundation
import SystemImage
import Tool

/// The emulated board with Xen, a Debian as its first domain (dom0) with Xen's toolstack, and further domains.
struct XenBoard {
    let workspace: Workspace
    var cores = 1
    /// The board's RAM in MiB.
    var memory = 2048
    /// The RAM of the first domain in MiB.
    var memoryOfFirstDomain = 512
    /// The file of a disk that the first domain has as `/dev/vda`, or nil for none. An idle board then waits for its
    /// disk in the time of the host.
    var disk: URL?
    /// Further arguments of QEMU, such as those of a plugin.
    var arguments: [String] = []

    /// The name of the run and of its console.
    static let name = "xen"
    static let cpu = "neoverse-n1"
    /// Places in RAM beyond the device tree, which QEMU puts 128 MiB from the start, and below the first domain.
    private static let (placeOfKernel, placeOfInitrd) = (0x5000_0000, 0x5400_0000)

    /// Boots the board, and runs a shell script in the first domain when the store and the consoles of Xen work.
    ///
    /// The script calls `start NAME` for each domain to be started, and `show NAME` for the text of its console, so
    /// that nothing runs beside a domain that does not belong to it.
    ///
    /// - Parameters:
    ///   - domains: the domains that the script may start.
    ///   - files: further files in the first domain's root folder, all executable.
    ///   - heard: receives each line as it comes, without the time.
    /// - Returns: the lines that the script has printed, and where Xen and the first domain lie in RAM.
    func run(
        script: String, domains: [XenDomain] = [], files: [String: Data] = [:], timeout: Duration,
        heard: (String) -> Void = { _ in }
    ) throws -> XenRun {
        let packages = XenPackages(workspace: workspace)
        try packages.prepare()
        let drivers = try XenKernel(workspace: workspace)
        let folder = workspace.state.appendingPathComponent("xen-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let initrd = folder.appendingPathComponent("initrd")
        var contents = try Data(contentsOf: drivers.initrdWithDisks) + Data(contentsOf: packages.toolstack)
        contents += try archive(script, domains, files, drivers)
        try contents.writeWhole(to: initrd)
        var options = BootOptions(countsInstructions: disk == nil, extraArguments: arguments)
        if let disk { options.extraArguments += Self.arguments(disk: disk) }
        if cores > 1 { options.extraArguments += try turns() }
        let boot = try PreparedBoot(
            ownSystem: Self.name, boot: bootArguments(packages.hypervisor, drivers.kernel, initrd),
            cpu: Self.cpu, cores: cores, memory: UInt64(memory) << 20, workspace: workspace, options: options)
        return try listen(to: boot.start(workspace: workspace), timeout: timeout, heard: heard)
    }

    /// The instructions of a core's turn on a board with several cores. Xen polls without giving its turn back.
    private static let turn = 1000

    private func turns() throws -> [String] {
        let plugin = try EmulatorPlugin(workspace: workspace, name: "turns", folder: "Turns").build()
        return ["-plugin", "\(plugin.path),instructions=\(Self.turn)"]
    }

    /// The arguments by which QEMU loads Xen, and tells it by the device tree where the kernel and the initial file
    /// system of the first domain are (docs/misc/arm/device-tree/booting.txt of Xen).
    private func bootArguments(_ hypervisor: URL, _ kernel: URL, _ initrd: URL) -> [String] {
        let words = "console=dtuart dom0_mem=\(memoryOfFirstDomain)M dom0_max_vcpus=\(cores) bootscrub=0"
        return [
            "-nic", "none", "-kernel", hypervisor.path, "-append", words,
            "-device",
            "guest-loader,addr=\(Self.placeOfKernel),kernel=\(kernel.path),bootargs=console=hvc0 quiet kpti=off",
            "-device", "guest-loader,addr=\(Self.placeOfInitrd),initrd=\(initrd.path)",
        ]
    }

    /// The first domain reads and writes pages of other domains for them. A Linux on Xen asks for the board's address
    /// of such a page whatever the disk says.
    private static func arguments(disk: URL) -> [String] {
        [
            "-icount", "shift=0,sleep=on", "-seed", "1", "-global", "virtio-mmio.force-legacy=false",
            "-drive", "if=none,id=data,file=\(disk.path),format=raw,discard=unmap,cache=writeback",
            "-device", "virtio-blk-device,drive=data",
        ]
    }

    private func archive(
        _ script: String, _ domains: [XenDomain], _ files: [String: Data], _ drivers: XenKernel
    ) throws -> Data {
        var archive = CpioArchive()
        archive.add(directory: "modules")
        for (name, contents) in try drivers.modules(XenDrivers.ofFirstDomain) {
            archive.add(file: "modules/\(name)", contents: contents)
        }
        for (path, contents) in files.sorted(by: { $0.key < $1.key }) {
            archive.add(file: path, contents: contents, permissions: 0o755)
        }
        if !domains.isEmpty { archive.add(file: "xen/kernel", contents: try Data(contentsOf: drivers.kernel)) }
        for domain in domains {
            archive.add(file: "xen/\(domain.name).cfg", contents: Data(domain.configuration.utf8))
            archive.add(file: "xen/\(domain.name).initrd", contents: try domain.initrd(drivers))
        }
        archive.add(file: "script", contents: Data(script.utf8))
        archive.add(file: "measure", contents: Data(Self.start.utf8), permissions: 0o755)
        archive.add(file: "etc/inittab", contents: Data("::sysinit:/etc/start\n::once:/measure\n".utf8))
        return archive.finished()
    }

    private static let begin = "xen: the script begins"
    private static let end = "xen: the script ends"

    /// Starts Xen's toolstack in the first domain, and performs the script.
    private static let start = """
        #!/bin/sh
        exec >/dev/hvc0 2>&1 </dev/null
        export PATH=/bin
        for module in \(XenDrivers.ofFirstDomain.joined(separator: " ")); do insmod /modules/$module; done
        mount -t xenfs xenfs /proc/xen
        mkdir -p /run/xen /run/xenstored
        xenstored --pid-file /run/xen/xenstored.pid
        xen-init-dom0
        xenconsoled --pid-file=/run/xen/xenconsoled.pid --log=guest --log-dir=/var/log/xen/console
        # Starts a domain, and returns when it is off.
        start() { xl create -q -F /xen/$1.cfg >/tmp/$1.log 2>&1 || cat /tmp/$1.log; }
        show() { cat /var/log/xen/console/guest-$1.log; }
        echo '\(begin)'
        . /script
        echo '\(end)'
        poweroff -f

        """

    private func listen(to session: Session, timeout: Duration, heard: (String) -> Void) throws -> XenRun {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        let log = session.files.log(ofConsole: Self.name).shortPath
        var run = XenRun()
        var hasBegun = false
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    let line = text.split(separator: "\(Self.name): ", maxSplits: 1).last.map(String.init) ?? ""
                    if line.contains(Self.end), hasBegun { return run }
                    if hasBegun {
                        run.lines.append(line)
                        heard(line)
                    } else {
                        run.hear(line)
                    }
                    if line.contains(Self.begin) { hasBegun = true }
                case .ended: throw Failure("the board with Xen went off too early", remedy: "look at \(log)")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "the script on Xen did not end in time", remedy: "allow more by --timeout, or look at \(log)",
            status: ExitStatus.timeout)
    }
}
