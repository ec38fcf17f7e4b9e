import Foundation
import SystemImage

/// A part of a running system as gdb sees it through QEMU, with its symbols and a condition that tells it from other
/// parts.
///
/// QEMU's stub stops a core at an address, whichever program runs there, and components have the same addresses.
/// The privilege level (PSTATE) and the VMID (VTTBR_EL2) tell the address spaces apart. The kernel gives a space the
/// lowest free VMID, and root builds tenants in the order of their start, so VMIDs follow from the manifest.
struct DebugTarget {
    /// The ELF file, or nil if none is known.
    var symbols: URL?
    /// The offset that gdb adds to the symbols' addresses.
    var offset: UInt64 = 0
    /// A gdb expression that is true while the target runs.
    var condition: String

    /// The address at which QEMU loads the kernel: an Image without a text offset goes to 2 MiB above the start of RAM.
    static let kernelBase: UInt64 = 0x4020_0000

    init(
        named name: String, in manifest: Manifest, channels: [Channel], symbols: URL?, workspace: Workspace
    ) throws {
        let spaces = DebugTarget.spaces(of: manifest)
        if name == "kernel" {
            self.symbols = symbols ?? channels[named: name]?.program
            offset = DebugTarget.kernelBase
            condition = "($cpsr & 12) == 8"
            return
        }
        guard let space = spaces[name] else {
            let names = spaces.keys.sorted() + ["kernel"]
            throw Failure(
                "the system has no part named '\(name)'", remedy: "choose from: \(names.joined(separator: ", "))")
        }
        let machine = manifest.machines.first { $0.name == name }
        // A component runs at EL0, and a machine at EL1 and EL0.
        let level = machine == nil ? "($cpsr & 12) == 0" : "($cpsr & 12) <= 4"
        condition = "\(level) && ($VTTBR_EL2 >> 48) == \(space)"
        if let machine {
            self.symbols = symbols ?? machine.kernelWithSymbols(workspace)
            return
        }
        let part = name.split(separator: ".").first.map(String.init) ?? name
        self.symbols = symbols ?? channels[named: part]?.program
    }

    /// Returns the VMID of each address space, by name: root's, then each tenant's in the order of its start. A
    /// machine's space follows that of its monitor.
    static func spaces(of manifest: Manifest) -> [String: Int] {
        var spaces = ["root": 1, ConsoleDriver.name: 2]
        var next = 3
        for tenant in manifest.tenants {
            if case .machine(let machine) = tenant {
                spaces["\(machine.name).monitor"] = next
                next += 1
            }
            spaces[tenant.name] = next
            next += 1
        }
        return spaces
    }

    /// Returns the command that reads the symbols, without gdb's warnings about the compiler's own C modules.
    private func symbolCommand(_ file: URL) -> String {
        let command = (offset == 0 ? "file " : "symbol-file -o \(offset) ") + file.path.quotedForGDB
        return "python gdb.execute(\(command.quotedForGDB), to_string=True)"
    }

    /// Returns commands for gdb. They include a program that adds the condition to each breakpoint, also to one that
    /// the user changes.
    func script(socket: URL) -> String {
        """
        set confirm off
        set complaints 0
        set architecture aarch64
        \(symbols.map(symbolCommand) ?? "")
        target remote \(socket.path)
        python
        import gdb

        CONDITION = "\(condition)"
        IS_BELOW_THE_KERNEL = \(offset == 0 ? "True" : "False")

        def confine(breakpoint):
            if breakpoint.type == gdb.BP_CATCHPOINT or breakpoint.number < 0:
                return
            own = breakpoint.condition
            if own is None:
                breakpoint.condition = CONDITION
            elif not own.startswith(CONDITION):
                breakpoint.condition = CONDITION + " && (" + own + ")"

        def come_back():
            # A step over a system call or an exit ends in the kernel: goes on to where that returns to.
            if IS_BELOW_THE_KERNEL and not gdb.parse_and_eval(CONDITION):
                place = int(gdb.parse_and_eval("$ELR_EL2")) & (2**64 - 1)
                returns = [gdb.Breakpoint("*%d" % (place + more), internal=True) for more in (0, 4)]
                for breakpoint in returns:
                    breakpoint.condition = CONDITION
                gdb.execute("continue")
                for breakpoint in returns:
                    breakpoint.delete()

        gdb.events.breakpoint_created.connect(confine)
        gdb.events.breakpoint_modified.connect(confine)
        end
        define hookpost-step
        python come_back()
        end
        define hookpost-next
        python come_back()
        end
        define hookpost-stepi
        python come_back()
        end
        define hookpost-nexti
        python come_back()
        end
        echo Stopped before the board's first instruction. 'break PLACE', then 'continue'.\\n

        """
    }
}

extension MachineDescription {
    /// Returns the file of the machine's kernel, if that is an ELF file, which may hold symbols.
    fileprivate func kernelWithSymbols(_ workspace: Workspace) -> URL? {
        switch guest {
        case .debian, .debianDisk, .firmware: return nil
        case .target(let name): return workspace.programs.appendingPathComponent("\(name).elf")
        case .files(let kernel, _, _):
            let start = try? FileHandle(forReadingFrom: kernel).read(upToCount: 4)
            return start == Data([0x7F] + "ELF".utf8) ? kernel : nil
        }
    }
}

extension String {
    /// The text as one word of gdb's command language, and as a text of Python's.
    fileprivate var quotedForGDB: String {
        "\"" + replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
