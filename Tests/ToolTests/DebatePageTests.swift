import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

@Suite struct DebatePageTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private var results: BenchResults {
        var results = BenchResults(form: .whole, hostCores: 2)
        results.add(
            ExperimentResult(
                name: "e", command: "", date: "2026-01-01", software: ["qemu": "7.2"], seconds: 1,
                figures: [
                    figure("move.64", .entente, 300, software: ["qemu"]), figure("move.4096", .entente, 1200),
                    figure("move.64", .xen, 900, origin: .quoted), figure("lines", .entente, 7, unit: "lines"),
                ]))
        return results
    }

    private func figure(
        _ name: String, _ subject: Subject, _ value: Double, unit: String = "instructions",
        origin: Figure.Origin = .measured, cpu: String? = nil, software: [String]? = nil
    ) -> Figure {
        Figure(
            name: name, subject: subject, value: value, unit: unit, measure: .instructions, origin: origin, cpu: cpu,
            software: software)
    }

    @Test func textsAreDividedIntoDirectivesAndMarkdown() {
        let text = PageText("# T\n\n{{table a b}}\n{{label a the first}}\nSee {{value a xen}}.\n{{value b xen}}\n")
        #expect(
            text.parts == [
                .markdown("# T\n"), .directive(["table", "a", "b"]),
                .markdown("See {{value a xen}}.\n{{value b xen}}\n"),
            ])
        #expect(text.labels == ["a": "the first"])
    }

    @Test func titlesBelongToNamesOrToTheirEnds() {
        let labels: PageLabels = ["a.b": "whole", ".b": "end", ".c.b": "longer end"]
        #expect(["a.b", "x.b", "x.c.b", "b", "x.bb"].map { labels[$0] } == ["whole", "end", "longer end", nil, nil])
    }

    @Test func figuresStandInTheText() throws {
        let figures = PageFigures(results: results, experiment: "e")
        let text = "{{value move.4096 entente}} is {{ratio move.64 xen e/move.64 entente}} of {{value\nnone xen}}"
        #expect(try PageText.filling(text, figures.inline) == "1,200 is 3 of (not measured)")
        #expect(try figures.inline(["value", "move.64", "xen"]) == "900 *q*")
        #expect(figures.found(["move", "lines"]).software == ["qemu": "7.2"])
        for wrong in [["value", "a"], ["value", "a", "nobody"], ["sum", "a", "xen"]] {
            #expect(throws: Failure.self) { try figures.inline(wrong) }
        }
    }

    @Test func tablesTellMeasuredFromQuoted() {
        let (found, _) = PageFigures(results: results, experiment: "e").figures("move")
        let table = PageTable(figures: found, labels: ["move.64": "64 bytes"], software: ["qemu": "7.2"]).markdown
        #expect(
            table == """
                |  | Entente | Xen |
                | --- | ---: | ---: |
                | 64 bytes | 300 | 900 *q* |
                | `move.4096` | 1,200 | – |

                *In instructions. Measured in this run, except those marked q, which are quoted. With qemu 7.2.*
                """)
        #expect(PageTable(figures: [], labels: [:], software: [:]).markdown.contains("not been measured"))
    }

    /// A reader must know which column was measured on which model.
    @Test func captionsTellTheModelOfEachSubject() {
        var figures = [figure("a", .kvm, 1, cpu: "new"), figure("a", .xen, 2, cpu: "new")]
        func caption() -> String { PageTable(figures: figures, labels: [:], software: [:]).caption }
        #expect(caption().contains("CPU model: new."))
        figures += [figure("a", .entente, 3, cpu: "old"), figure("a", .seL4, 3, origin: .quoted)]
        #expect(caption().contains("CPU model: new (KVM, Xen), old (Entente)."))
    }

    @Test func figuresOfTwoDimensionsBecomeAGrid() {
        let (found, _) = PageFigures(results: results, experiment: "e").figures("move")
        let sizes = PageGrid(figures: found, columns: .numbers, labels: ["move": "a move"], software: [:]).markdown
        #expect(
            sizes.hasPrefix(
                """
                |  |  | 64 | 4,096 |
                | --- | --- | ---: | ---: |
                | Entente | a move | 300 | 1,200 |
                | Xen | a move | 900 *q* | – |

                *In instructions. Measured in this run, except
                """))
        let both = [figure("a.x", .entente, 1), figure("b.x", .entente, 2), figure("b.y", .entente, 3)]
        let grid = PageGrid(figures: both, columns: .beginnings(["a.", "b."]), labels: ["a.": "first"], software: [:])
        #expect(
            grid.markdown.hasPrefix(
                """
                |  |  | first | `b.` |
                | --- | --- | ---: | ---: |
                | Entente | `x` | 1 | 2 |
                | Entente | `y` | – | 3 |

                """))
    }

    @Test func proseIsBroken() {
        let text =
            "a bb ccc\ndddd\n\n- one two three\n  four\n- five\n\n| a long | table |\n```\ncode that is long\n```"
        #expect(
            ProseWrap.wrapped(text, width: 10) == """
                a bb ccc
                dddd

                - one two
                  three
                  four
                - five

                | a long | table |
                ```
                code that is long
                ```
                """)
    }

    /// Markdown takes a number with a full stop at the begin of a line for an item of a list.
    @Test func noFigureBecomesTheNumberOfAnItem() {
        #expect(ProseWrap.wrapped("there are 144. All is well", width: 12) == "there\nare 144. All\nis well")
        #expect(ProseWrap.wrapped("incomprehensible 144. Yes", width: 12) == "incomprehensible\n144. Yes")
    }

    @Test func offendersAndVictimsBecomeAMatrix() throws {
        let all = [
            figure("s.a.hung.v", .entente, 20.4, unit: "ms"), figure("s.a.hung.w.x", .entente, 0.2, unit: "ms"),
            figure("p.a.hung.v", .entente, 1), figure("p.a.hung.w.x", .entente, 0),
            figure("s.b.killed.w.x", .entente, 3, unit: "ms"), figure("p.b.killed.w.x", .entente, 1),
            figure("s.a.hung.v", .xen, 99, unit: "ms"),
        ]
        let matrix = PageMatrix(
            .entente, of: all, values: "s.", predictions: "p.", limit: 10,
            labels: ["v": "victim", "b, killed": "B dies"])
        #expect(
            matrix.markdown == """
                | offender | victim | `w.x` |
                | --- | ---: | ---: |
                | a, hung | **20** p | 0 |
                | B dies | – | 3 p |

                *In ms, rounded. Bold figures are above 10, and a p marks a pair that had been predicted. All figures \
                were measured in this run.*
                """)
        let bare = PageMatrix(.entente, of: all, values: "s.", predictions: "none.", limit: 10, labels: [:])
        #expect(bare.markdown.contains("| **20** |") && bare.markdown.contains("are above 10. All figures"))
    }

    @Test func outcomesFollowFromTheFigures() {
        let result = results["e"]
        func outcome(_ limit: Double, _ name: String = "move.64") -> String {
            HypothesisList(
                hypotheses: [
                    .ratio("C.", refutedIf: "The r.", ("move.4096", .entente), over: (name, .entente), atMost: limit)
                ], result: result
            ).markdown
        }
        #expect(outcome(4) == "- **C.** Refuted if the r. *Outcome: it holds (1,200 / 300 = 4.000, limit 4).*")
        #expect(outcome(3.9).contains("refuted (1,200 / 300"))
        #expect(outcome(4, "none").contains("open"))
    }

    @Test func plotsHaveTheirDataAndTheColourOfTheText() {
        let (found, _) = PageFigures(results: results, experiment: "e").figures("move")
        let lines = Plot(kind: .lines, identifier: "p", title: "It's", figures: found, labels: [:]).script
        #expect(lines.contains("64.0 300.0\n4096.0 1200.0") && lines.contains("Xen: move") && lines.contains("It’s"))
        let dots = Plot(kind: .dots, identifier: "p", title: "T", figures: found, labels: [:]).script
        #expect(dots.contains("set ytics ('move.64' 0, 'move.4096' -1)") && dots.contains("300.0 0\n1200.0 -1\nEOD"))
        let plot = Plot(kind: .lines, identifier: "p", title: "T", figures: found, labels: ["move": "a<b"])
        #expect(plot.description.hasPrefix("<desc>Entente: a&lt;b: 64.0 300.0, 4096.0 1200.0; Xen: "))
        let svg = Plot.adapted("<svg><title>T</title><path stroke='rgb(  1,   2,   3)'/></svg>")
        #expect(svg.contains("stroke='currentColor'") && svg.contains("prefers-color-scheme:dark"))
    }

    /// Every experiment has a text, and every text names subjects, experiments and directives that exist.
    @Test func theTextsCanBeFilled() throws {
        let none = BenchResults(form: .whole, hostCores: 2)
        let page = try DebatePage(of: none, workspace: Workspace(root: Self.root))
        for experiment in ExperimentList.debate { #expect(page.markdown.contains("## \(experiment.number!). ")) }
        #expect(!page.markdown.contains("{{"))
        for heading in ["### Claim", "### Method", "### Result", "### Exercise"] {
            #expect(page.markdown.ranges(of: heading).count == ExperimentList.debate.count, "\(heading)")
        }
    }

    /// The page in `docs` is made of the committed results of a whole run, and no figure that its texts name is
    /// missing.
    @Test func thePageHasTheCommittedResults() throws {
        let workspace = Workspace(root: Self.root)
        let results = try BenchResults(file: Self.root.appendingPathComponent("Benchmarks/debate/results.json"))
        #expect(results.form == .whole)
        for experiment in ExperimentList.debate {
            #expect(results[experiment.name]?.failures == [:], "\(experiment.name) was not measured as a whole")
        }
        let page = try DebatePage(of: results, workspace: workspace)
        let text = page.markdown.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for gap in [PageFigures.missing, "have not been measured", "(not measured yet)"] {
            #expect(!text.contains(gap), "a text names a figure that the results do not have")
        }
        #expect(
            try PageFiles(folder: Self.root.appendingPathComponent("docs")).stale(page) == [],
            "make the page anew by './entente bench report Benchmarks/debate/results.json'")
    }
}
