import Foundation
import Yams

/// Reads one machine of the manifest.
struct MachineParser {
    let section: ManifestSection
    let cores: Int

    func machine(name: String) -> MachineDescription {
        var machine = MachineDescription(name: name)
        machine.guest = guest()
        machine.commandLine = commandLine(default: machine.commandLine)
        machine.memory = section.size("memory")
        machine.cpus = section.number("cpus")
        machine.priority = section.number("priority")
        machine.core = section.core(of: cores)
        machine.restarts = section.choice("on-reset") == "restart"
        machine.diesOfPanic = section.choice("on-panic") == "restart"
        machine.hasWatchdog = section.flag("watchdog")
        machine.after = section.startsAfter()
        machine.deviceTree = section.path("device-tree")
        machine.monitor = section.program("monitor", default: machine.monitor)
        machine.eventPeer = section.text("event-peer")
        machine.restart = section.restart(default: machine.restart)
        return machine
    }

    private func guest() -> GuestSource {
        if section.has("firmware") {
            return FirmwareParser(section: section).guest { debianOnDisk($0, firmware: $1) }
        }
        guard section.has("kernel") else {
            if let node = section.node("guest"), node.mapping != nil { return debianOnDisk(node) }
            _ = section.choice(
                "guest",
                otherwise:
                    "; another system starts from its own files: write 'kernel: FILE', and 'initrd: FILE', instead of 'guest'"
            )
            for key in ["initrd", "format"] where section.has(key) {
                section.report(
                    at: key, "\(section.title) has '\(key)' but no 'kernel' that it belongs to",
                    remedy: "name the kernel's file with 'kernel:', or remove '\(key)'")
            }
            let flavour = section.choice("flavour")
            return .debian(flavour: DebianFlavour(rawValue: flavour) ?? .cloud)
        }
        for key in ["guest", "flavour"] where section.has(key) {
            section.report(
                at: key, "\(section.title) has '\(key)' beside 'kernel', but one excludes the other",
                remedy: "keep '\(key)' for Debian's kernel, or 'kernel' for a file of your own")
        }
        if let node = section.node("kernel"), node.mapping != nil { return builtGuest(node) }
        let format = section.choice("format")
        let initrd = section.path("initrd")
        guard let kernel = section.path("kernel") else { return .debian(flavour: .cloud) }
        let kernelFormat = GuestFormat(rawValue: format) ?? .auto
        check(kernel, kernelFormat)
        return .files(kernel: kernel, initrd: initrd, format: kernelFormat)
    }

    /// Reads `kernel: {target: NAME}`, which names a program that the tool builds.
    private func builtGuest(_ node: Node) -> GuestSource {
        let kernel = ManifestSection(
            node, title: "'kernel' of \(section.title)", at: section.mark(of: "kernel"),
            part: .program, source: section.source)
        for key in ["initrd", "format"] where section.has(key) {
            section.report(
                at: key, "\(section.title) has '\(key)', which a program of this repository does not take",
                remedy: "remove '\(key)', or name a file of your own with 'kernel: PATH'")
        }
        guard let target = kernel.targetName(among: \.guests, example: "a folder below Guests, such as BenchGuest")
        else {
            if !kernel.has("target"), !kernel.hasUnknownKeys {
                section.report(
                    at: "kernel", "\(kernel.title) names no program",
                    remedy: "write 'kernel: {target: NAME}' for a program of this repository, or 'kernel: PATH'")
            }
            return .debian(flavour: .cloud)
        }
        return .target(target)
    }

    private func check(_ kernel: URL, _ format: GuestFormat) {
        guard let data = try? Data(contentsOf: kernel, options: .mappedIfSafe) else {
            section.report(
                at: "kernel", "'kernel' of \(section.title) cannot be read", remedy: "make the file readable")
            return
        }
        do {
            _ = try GuestKernelKind(of: data, format: format)
        } catch {
            section.report(
                at: "kernel", "'kernel' of \(section.title): \(error.problem)", remedy: error.remedy ?? "name another")
        }
    }

    private func commandLine(default standard: String) -> String {
        guard let text = section.text("command-line") else { return standard }
        guard !text.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            section.report(
                at: "command-line", "'command-line' of \(section.title) holds a line break or a control character",
                remedy: "write it on one line; with YAML's '>-' long lines are folded into one")
            return standard
        }
        guard text.utf8.count <= MachineDescription.maximumCommandLine else {
            section.report(
                at: "command-line",
                "'command-line' of \(section.title) has \(text.utf8.count) bytes, but Linux takes "
                    + "\(MachineDescription.maximumCommandLine)",
                remedy: "shorten it")
            return standard
        }
        return text
    }
}

/// Reads one component of the manifest.
struct ComponentParser {
    let section: ManifestSection
    let cores: Int

    func component(name: String) -> ComponentDescription {
        // If there is no program, the parser has reported it, and no manifest results.
        var component = ComponentDescription(name: name, program: program() ?? .target(""))
        component.memory = section.size("memory")
        component.stack = section.size("stack")
        component.priority = section.number("priority")
        component.core = section.core(of: cores)
        component.allowance = section.timeAllowance()
        component.arguments = arguments()
        component.uses = connections()
        component.paged = paged()
        component.shared = section.size("shared")
        if component.shared > 0, !section.has("uses") {
            section.report(
                at: "shared", "\(section.title) shares memory with the components that it uses, but uses none",
                remedy: "name them under 'uses', or remove 'shared'")
        }
        component.devices = devices()
        component.dma = dma()
        component.after = section.startsAfter()
        component.restart = section.restart(default: component.restart)
        return component
    }

    private func program() -> ProgramSource? {
        if section.has("target"), section.has("package") {
            section.report(
                at: "package", "\(section.title) has both 'target' and 'package', but runs one program",
                remedy: "keep 'target' for a program of this repository, or 'package' for one of your own")
            return nil
        }
        if section.has("package") { return package() }
        guard section.has("target") else {
            // The unknown key may be a misspelt 'target'.
            guard !section.hasUnknownKeys else { return nil }
            section.source.report(
                at: section.mark, "\(section.title) names no program",
                remedy: "add 'target: NAME' for a program of this repository, or 'package: FOLDER' for one of your own")
            return nil
        }
        guard let target = section.targetName(example: "a folder below Components, such as Heartbeat") else {
            return nil
        }
        return .target(target)
    }

    private func package() -> ProgramSource? {
        let advice = "; './entente new component NAME' makes a package"
        guard let folder = section.path("package", folder: true, otherwise: advice) else { return nil }
        guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) else {
            section.report(
                at: "package", "'package' of \(section.title) names a folder without a Package.swift",
                remedy: "name the folder of a Swift package")
            return nil
        }
        return .package(folder)
    }

    private func arguments() -> [UInt64] {
        let nodes = section.list("arguments", of: "whole numbers")
        guard nodes.count <= ComponentDescription.maximumArguments else {
            section.report(
                at: "arguments",
                "\(section.title) has \(nodes.count) arguments, but at most \(ComponentDescription.maximumArguments) are possible",
                remedy: "remove \(nodes.count - ComponentDescription.maximumArguments) of them")
            return []
        }
        var arguments: [UInt64] = []
        for node in nodes {
            guard let number = node.wholeNumber else {
                section.source.report(
                    at: node,
                    "an argument of \(section.title) is \(node.kindDescription), but a whole number of 64 "
                        + "bits is expected",
                    remedy: node.remedyForArgument)
                continue
            }
            arguments.append(number)
        }
        return arguments
    }
}

extension ManifestSection {
    /// Returns the program of `key: {target: NAME}`.
    func program(_ key: String, default standard: String) -> String {
        guard let node = node(key) else { return standard }
        let owner = title == "the manifest" ? "" : " of \(title)"
        let section = ManifestSection(
            node, title: "'\(key)'\(owner)", at: mark(of: key), part: .program, source: source)
        return section.targetName(example: "a program such as \(standard)") ?? standard
    }

    /// Returns the name of `target:`. Returns nil if there is none, or if it is no name, which it reports.
    func targetName(
        among known: KeyPath<KnownPrograms, [String]> = \.components, example: String
    ) -> String? {
        guard let target = text("target") else { return nil }
        let isAllowed = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber || character == "_")
        }
        guard target.first?.isLetter == true, target.allSatisfy(isAllowed) else {
            report(
                at: "target",
                "'target' of \(title) is '\(target.shortened)', which cannot be the name of a Swift target",
                remedy: "name \(example)")
            return nil
        }
        if let programs = source.programs?[keyPath: known], !programs.contains(target) {
            report(
                at: "target", "'target' of \(title) is '\(target.shortened)', but this repository has no such program",
                remedy: target.nearest(in: programs).map { "did you mean '\($0)'?" } ?? "name \(example)")
            return nil
        }
        return target
    }

    func core(of cores: Int) -> Int {
        guard let number = node("core")?.signedNumber, number >= cores else {
            return self.number("core", in: 0...(cores - 1))
        }
        let (available, possible) =
            cores == 1 ? ("one core", "'core: 0'") : ("\(cores) cores", "a core from 0 to \(cores - 1)")
        report(
            at: "core", "\(title) is to run on core \(number), but the board has \(available)",
            remedy: "write \(possible), or raise 'cores' of the board")
        return 0
    }

    /// Returns the names alone. A later check finds names that do not exist.
    func startsAfter() -> [String] {
        guard let sequence = node("after")?.sequence else { return [] }
        return sequence.compactMap(\.text)
    }
}
