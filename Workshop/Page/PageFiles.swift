import Foundation
import SystemImage
import Tool

/// The files of the page: `debate.md`, `debate.html`, and the pictures beside them.
struct PageFiles {
    let folder: URL
    private var pictures: URL { folder.appendingPathComponent("pictures") }
    private var markdown: URL { folder.appendingPathComponent("debate.md") }
    private var html: URL { folder.appendingPathComponent("debate.html") }

    private static let title = "The measured debate"

    /// Writes the page, and draws its plots. Pictures of an earlier page that this one does not have are removed.
    func write(_ page: DebatePage, workspace: Workspace) throws {
        try workspace.make(pictures)
        let names = Set(page.plots.map { "\($0.identifier).svg" })
        for plot in page.plots {
            try Data(plot.svg().utf8).writeWhole(to: pictures.appendingPathComponent("\(plot.identifier).svg"))
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: pictures.path)
        where name.hasPrefix("debate-") && name.hasSuffix(".svg") && !names.contains(name) {
            try FileManager.default.removeItem(at: pictures.appendingPathComponent(name))
        }
        try Data(page.markdown.utf8).writeWhole(to: markdown)
        try Data(rendered(page).utf8).writeWhole(to: html)
    }

    private func rendered(_ page: DebatePage) throws -> String {
        try HTMLPage(title: Self.title, markdown: page.markdown, pictures: pictures).html()
    }

    /// Returns the names of the files that differ from what the page's results give. A plot is compared by its figures.
    func stale(_ page: DebatePage) throws -> [String] {
        let texts = try [(markdown, page.markdown), (html, rendered(page))].compactMap { file, made in
            text(of: file) == made ? nil : file.lastPathComponent
        }
        let drawn = page.plots.compactMap { plot in
            let file = pictures.appendingPathComponent("\(plot.identifier).svg")
            return text(of: file)?.contains(plot.description) == true ? nil : file.lastPathComponent
        }
        return texts + drawn
    }

    private func text(of file: URL) -> String? { try? String(contentsOf: file, encoding: .utf8) }
}
