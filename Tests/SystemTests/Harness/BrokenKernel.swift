import Foundation
import SystemImage

@testable import Tool
@testable import Workshop

extension PreparedBoot {
    /// Replaces the first instruction of a function of the kernel by `udf #0`, in the image that belongs to this run
    /// alone.
    ///
    /// The kernel is linked at 0 and lies at the start of the image, so a symbol's address is its place in the file.
    func breakKernel(at function: String, workspace: Workspace) throws {
        let program = try CrossBuild(workspace: workspace).program("Kernel", as: .kernel)
        let symbols = try SymbolTable(elf: Data(contentsOf: program)).symbols
        guard let symbol = symbols.first(where: { $0.name == function }),
            let kernel = arguments.firstIndex(of: "-kernel")
        else { throw SystemFailure(description: "the kernel has no function '\(function)'") }
        let image = URL(fileURLWithPath: arguments[kernel + 1])
        var bytes = try Data(contentsOf: image)
        bytes.replaceSubrange(Int(symbol.address)..<Int(symbol.address) + 4, with: [0, 0, 0, 0])
        try bytes.write(to: image)
    }
}
