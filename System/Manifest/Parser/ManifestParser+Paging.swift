import Foundation
import Yams

extension ComponentParser {
    /// Returns the description of `paged: {by: COMPONENT, file: PATH}`. A later check finds a component that does not
    /// exist.
    func paged() -> PagedDescription? {
        guard let node = section.node("paged") else { return nil }
        let paging = ManifestSection(
            node, title: "'paged' of \(section.title)", at: section.mark(of: "paged"), part: .paged,
            source: section.source)
        guard let pager = paging.text("by"), let file = paging.path("file") else {
            if node.mapping != nil, !paging.has("by") || !paging.has("file"), !paging.hasUnknownKeys {
                section.report(
                    at: "paged", "'paged' of \(section.title) needs both 'by' and 'file'",
                    remedy: "write 'paged: {by: COMPONENT, file: PATH}'")
            }
            return nil
        }
        let size = (try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? UInt64) ?? 0
        guard PagedDescription.sizes.contains(size) else {
            paging.report(
                at: "file", "the file that \(section.title) has paged in has \(size) bytes, outside 1 to \(64 << 20)",
                remedy: "name a file of at most 64MiB that is not empty")
            return nil
        }
        return PagedDescription(pager: pager, file: file)
    }
}

extension ManifestParser {
    /// Checks that each pager is another component on the same core, because a fault is a call.
    func checkPaging() {
        let components = declarations.compactMap(\.tenant.component)
        var clients: [String: Int] = [:]
        for declaration in declarations {
            guard case .component(let client) = declaration.tenant, let paged = client.paged else { continue }
            let mark = declaration.pagedMark ?? declaration.mark
            guard paged.pager != client.name,
                let pager = components.first(where: { $0.name == paged.pager })
            else {
                let others = components.map(\.name).filter { $0 != client.name }
                source.report(
                    at: mark,
                    "\(declaration.title) is paged by '\(paged.pager.shortened)', but "
                        + (paged.pager == client.name ? "that is itself" : "no component has that name"),
                    remedy: paged.pager.nearest(in: others).map { "did you mean '\($0)'?" }
                        ?? "name a component with 'target: Pager'")
                continue
            }
            clients[pager.name, default: 0] += 1
            if pager.core != client.core {
                source.report(
                    at: mark,
                    "\(declaration.title) on core \(client.core) is paged by '\(pager.name)' on core \(pager.core), but faults "
                        + "stay on their core",
                    remedy: "give both the same 'core'")
            } else if pager.paged != nil {
                source.report(
                    at: mark, "\(declaration.title) is paged by '\(pager.name)', which is paged itself",
                    remedy: "a pager must not wait for another one: remove its 'paged'")
            } else if clients[pager.name]! > 8 {
                source.report(
                    at: mark,
                    "\(declaration.title) is the ninth client of '\(pager.name)', but a pager serves at most 8",
                    remedy: "add another pager")
            }
        }
    }
}
