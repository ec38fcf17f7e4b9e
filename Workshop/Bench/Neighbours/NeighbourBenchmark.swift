import Foundation
import SystemImage
import Tool

/// Measures what a machine gets of a core, and of a disk, that it shares with a hostile machine.
struct NeighbourBenchmark {
    typealias Times = NeighbourCase.Times

    let workspace: Workspace
    /// The pieces of the victim's work. A reader performs a third of them, and so does a victim beside the console's
    /// output on Entente, for which the emulator needs long.
    var rounds = 30
    /// Delays each victim's first piece by so many steps of 3.7 ms. Runs of one phase hardly differ, and those of
    /// several show by how much the places of the schedulers' slices change a figure.
    var phase = 0
    var timeout = Duration.seconds(900)

    static let subjects: [Subject] = [.entente, .kvm, .xen]

    /// Measures cases one after the other. The hosts of KVM and Xen boot once for those with disks and once for the
    /// others. Entente's board boots for each case.
    ///
    /// - Parameter found: receives the times of each case as soon as they are known.
    func run(_ cases: [NeighbourCase], on subject: Subject, found: (NeighbourCase, Times) -> Void) throws {
        for group in [cases.filter { !$0.usesDisks }, cases.filter(\.usesDisks)] where !group.isEmpty {
            var missing = Set(group)
            func note(_ key: NeighbourCase, _ times: Times) {
                missing.remove(key)
                found(key, times)
            }
            switch subject {
            case .entente: for key in group { note(key, try runEntente(key)) }
            case .kvm: try runKVM(group, found: note)
            case .xen: try runXen(group, found: note)
            default: throw Failure("\(subject.title) has no machines that share a core")
            }
            guard missing.isEmpty else {
                throw Failure("no times of \(missing.map(\.victim).sorted().joined(separator: ", "))")
            }
        }
    }

    /// The time of a board without a disk does not depend on the host at all. With disks, an idle board waits in the
    /// host's time.
    private static func options(hasDisks: Bool) -> BootOptions {
        hasDisks ? BootOptions(extraArguments: ["-icount", "shift=0,sleep=on", "-seed", "1"]) : .deterministic
    }

    /// The size of the disk of a machine in MiB.
    private static let diskSize = 32

    /// The arguments of the program for both machines.
    ///
    /// - Parameters:
    ///   - device: the disk of each machine, or nil if the program loads the drivers of `/dev/vda` itself.
    ///   - isShort: true if a victim performs a third of its pieces.
    private func tasks(
        _ key: NeighbourCase, device: String? = nil, isShort: Bool = false
    ) -> [(name: String, task: String, hasDisk: Bool)] {
        let suffix = device.map { " \($0)" } ?? ""
        let isReader = key.work == .read
        let rounds = isReader || isShort ? (rounds + 2) / 3 : rounds
        let victim = isReader ? "reader \(rounds) \(phase)\(suffix)" : "victim \(rounds) \(phase)"
        let attacker = key.attack.map { attack in
            (key.attacker, attack.rawValue + (attack == .disk ? suffix : ""), attack == .disk)
        }
        return [(key.victim, victim, isReader)] + (attacker.map { [$0] } ?? [])
    }

    private var program: LinuxWorkload {
        LinuxWorkload(workspace: workspace, name: "neighbour", parts: ["work", "storage", "output"])
    }

    private func inFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = workspace.state.appendingPathComponent("neighbours-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    private static func commandLine(_ task: String) -> String {
        "console=ttyAMA0 quiet kpti=off rdinit=/neighbour -- \(task)"
    }

    /// Returns the board with both machines, or with the victim alone.
    private func manifest(_ key: NeighbourCase, in folder: URL) throws -> Manifest {
        let boardDisks = key.usesDisks ? ", disks: {main: {size: 128MiB}}" : ""
        let disks = key.usesDisks ? ", disks: {data: {size: \(Self.diskSize)MiB, board-disk: main}}" : ""
        let machines = tasks(key, isShort: key.attack == .console).map { name, task, _ in
            "  \(name): {guest: debian, memory: 128MiB\(disks), command-line: \"\(Self.commandLine(task))\"}\n"
        }
        let text =
            "system: bench-neighbours\nboard: {cpu: neoverse-n1, cores: 1, memory: 1GiB\(boardDisks)}\nmachines:\n"
            + machines.joined()
        let file = folder.appendingPathComponent("system.yaml")
        try Data(text.utf8).writeWhole(to: file)
        var manifest = try Manifest.load(path: file.path)
        for machine in manifest.machines { manifest.replace(try program.added(to: machine)) }
        return manifest
    }

    private func runEntente(_ key: NeighbourCase) throws -> Times {
        try inFolder { folder in
            var options = Self.options(hasDisks: key.usesDisks)
            options.disks = folder
            let boot = try PreparedBoot(manifest(key, in: folder), workspace: workspace, options: options)
            return try Progress.step("Sharing a core: \(key.victim) (entente)") {
                let session = try boot.start(workspace: workspace)
                defer { session.end() }
                return try listen(to: session)
            }
        }
    }

    private func listen(to session: Session) throws -> Times {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text): if let times = Times(line: text) { return times }
                case .ended: throw Failure("the board went off before the victim had ended")
                case .output, .readable: break
                }
            }
        }
        throw Failure("the victim did not end in time", status: ExitStatus.timeout)
    }

    /// Returns the commands of KVM's host: each victim in turn, beside its attacker.
    static func scriptOfKVM(_ cases: [NeighbourCase]) -> String {
        cases.map { key in
            guard key.attack != nil else { return "begin \(key.victim)\nawait \(key.victim)\n" }
            return """
                begin \(key.attacker)
                begin \(key.victim)
                await \(key.victim)
                finish \(key.attacker)
                await \(key.attacker)

                """
        }.joined()
    }

    /// Both guests have parts of the host's disk. The attacker's console is a file in the host's memory, so that the
    /// host's own console has no part in the attack.
    private func runKVM(_ cases: [NeighbourCase], found: (NeighbourCase, Times) -> Void) throws {
        let hasDisks = cases.contains(where: \.usesDisks)
        let guests = try inFolder { folder in
            guard let machine = try manifest(cases[0], in: folder).machines.first else {
                throw Failure("the manifest has no machine")
            }
            return try cases.flatMap { key in
                try tasks(key).enumerated().map { index, task in
                    var guest = try KVMGuest(
                        task.name, like: machine, workspace: workspace, disk: hasDisks ? Self.part(index) : nil)
                    guest.commandLine = Self.commandLine(task.task)
                    guest.consoleFile = index == 0 ? nil : "/tmp/\(task.name)"
                    return guest
                }
            }
        }
        var board = KVMBoard(host: KVMHost(workspace: workspace, guests: guests, script: Self.scriptOfKVM(cases)))
        (board.options, board.timeout) = (Self.options(hasDisks: hasDisks), timeout)
        if hasDisks { board.disk = UInt64(2 * Self.diskSize) << 20 }
        // Only two guests run at a time.
        board.hostMemory -= min(guests.dropFirst(2).reduce(0) { $0 + $1.memory }, 3 << 29)
        try board.run("Sharing a core (kvm\(hasDisks ? ", with disks" : ""))") { line, _ in
            if case .guest(let name, let text) = line, let key = cases.first(where: { $0.victim == name }),
                let times = Times(line: text)
            {
                Progress.say("\(name): \(times.mean / 1e6) ms")
                found(key, times)
            }
        }
    }

    /// Returns the options by which QEMU gives a guest a part of the host's disk.
    private static func part(_ index: Int) -> String {
        "/dev/vda,offset=\((index * diskSize) << 20),size=\(diskSize << 20),file.locking=off"
    }

    /// Returns the commands of Xen's first domain. A line `case: VICTIM` comes before the times of each victim.
    static func scriptOfXen(_ cases: [NeighbourCase]) -> String {
        cases.map { key in
            let show = "echo \"\(mark)\(key.victim)\"\nshow \(key.victim) | tr -d '\\r' | grep '^neighbour: '\n"
            guard key.attack != nil else { return "start \(key.victim)\n\(show)" }
            return "start \(key.attacker) &\nstart \(key.victim)\nxl destroy \(key.attacker)\nwait $!\n\(show)"
        }.joined()
    }

    private static let mark = "case: "

    /// Returns the cases whose times are in the lines of the script.
    static func times(ofXen lines: [String], _ cases: [NeighbourCase]) -> [(NeighbourCase, Times)] {
        var current: NeighbourCase?
        return lines.compactMap { line in
            if line.hasPrefix(mark) {
                current = cases.first { $0.victim == line.dropFirst(mark.count) }
                return nil
            }
            guard let key = current, let times = Times(line: line) else { return nil }
            return (key, times)
        }
    }

    private func runXen(_ cases: [NeighbourCase], found: (NeighbourCase, Times) -> Void) throws {
        let hasDisks = cases.contains(where: \.usesDisks)
        let program = try program.build()
        let domains = cases.flatMap { key in
            tasks(key, device: "/dev/xvda").enumerated().map { index, task in
                // The drivers of Xen's disks are modules, which a shell loads.
                var domain = XenDomain(name: task.name)
                if task.hasDisk {
                    domain.files = ["neighbour": program]
                    domain.script = "/neighbour \(task.task)"
                    domain.disk = "/dev/vda\(index + 1)"
                } else {
                    domain.files = ["measure": program]
                    domain.directArguments = "-- \(task.task)"
                }
                return domain
            }
        }
        try inFolder { folder in
            var board = XenBoard(workspace: workspace)
            if hasDisks {
                let disk = folder.appendingPathComponent("disk.raw")
                try Self.partitioned.writeWhole(to: disk)
                board.disk = disk
            }
            var lines: [String] = []
            try Progress.step("Sharing a core (xen\(hasDisks ? ", with disks" : ""))") {
                _ = try board.run(script: Self.scriptOfXen(cases), domains: domains, timeout: timeout) { line in
                    let known = Self.times(ofXen: lines, cases).count
                    lines.append(line)
                    let all = Self.times(ofXen: lines, cases)
                    Progress.say(line)
                    if all.count > known { found(all[known].0, all[known].1) }
                }
            }
        }
    }

    /// A disk with two partitions of equal sizes, which a table in its first block describes (MBR).
    static var partitioned: Data {
        let sectors = UInt32(diskSize << 11)
        var table = Data(count: 446)
        for index in 0..<UInt32(2) {
            // The partition begins 1 MiB behind the start of its half. 0x83 stands for Linux.
            table += [0, 0, 0, 0, 0x83, 0, 0, 0]
            for number in [index * sectors + 2048, sectors - 2048] {
                withUnsafeBytes(of: number.littleEndian) { table += $0 }
            }
        }
        table += Data(count: 32) + [0x55, 0xaa]
        return table + Data(count: 2 * diskSize << 20 - table.count)
    }
}
