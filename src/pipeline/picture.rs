//! The map of the pipeline as a picture: services in the colour of their group, streams between them, laid out
//! from left to right. Keys would hide them: what a service reads and writes of them shows under the mouse.

use std::fmt::Write as _;

use ::pipeline::CATALOGUE;
use ::pipeline::map::{MappedService, PipelineMap, Place};
use dagre::graph::{Graph, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir};

const EXCHANGE: &str = "exchange";
const MARKET: &str = "market data";
/// Of the text, in pixels.
const LETTER: f64 = 6.6;
const HEIGHT: f64 = 26.0;

/// Groups of services with their colours, as the legend shows them.
const GROUPS: [(&str, &str); 6] = [
    ("market", "#cfe3f7"),
    ("signal", "#fde6b8"),
    ("policy", "#e3d6f5"),
    ("entry", "#cdeccf"),
    ("exits", "#f9d3c9"),
    ("books", "#d9e2e4"),
];

/// How an edge is drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    Stream,
    Call,
    Venue,
}

/// The picture, as SVG.
pub fn svg(map: &PipelineMap) -> String {
    let mut graph: Graph<NodeLabel, EdgeLabel> =
        Graph::with_options(GraphOptions { directed: true, multigraph: true, compound: false });
    for name in names(map) {
        let mut node = NodeLabel::default();
        (node.width, node.height) = (letters(&name) * LETTER + 16.0, HEIGHT);
        graph.set_node(name, Some(node));
    }
    let edges = edges(map);
    for (from, to, _) in &edges {
        graph.set_edge(from.as_str(), to.as_str(), Some(EdgeLabel::default()), None);
    }
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: 10.0,
        edgesep: 4.0,
        ranksep: 46.0,
        marginx: 16.0,
        marginy: 16.0,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    draw(map, &graph, &edges)
}

fn letters(text: &str) -> f64 {
    text.chars().count() as f64
}

fn short(stream: &str) -> &str {
    stream.strip_prefix("quantum:stream:").unwrap_or(stream)
}

/// Of all boxes; a stream's is told from a service's by what stands before it.
fn names(map: &PipelineMap) -> Vec<String> {
    let services = map.services.iter().map(|service| service.name.clone());
    let streams = map.streams.keys().map(|stream| short(stream).to_owned());
    let outside = [MARKET.to_owned(), EXCHANGE.to_owned()];
    outside.into_iter().chain(services).chain(streams).collect()
}

/// From, to, how. Each pair once: the strongest line hides the others.
fn edges(map: &PipelineMap) -> Vec<(String, String, Line)> {
    let mut edges: Vec<(String, String, Line)> = Vec::new();
    for MappedService { name, wiring } in &map.services {
        let mut edge = |from: &str, to: &str, line| edges.push((from.into(), to.into(), line));
        if !wiring.market.names().is_empty() {
            edge(MARKET, name, Line::Venue);
        }
        for stream in &wiring.writes {
            edge(name, short(stream), Line::Stream);
        }
        for reader in &wiring.readers {
            edge(short(&reader.stream), name, Line::Stream);
        }
        for stream in &wiring.looks {
            edge(short(stream), name, Line::Stream);
        }
        for called in &wiring.calls {
            edge(name, called, Line::Call);
        }
        if wiring.exchange {
            edge(name, EXCHANGE, Line::Venue);
        }
    }
    edges.sort();
    edges.dedup_by(|later, first| (&later.0, &later.1) == (&first.0, &first.1));
    let known = names(map);
    edges.retain(|(from, to, _)| known.contains(from) && known.contains(to) && from != to);
    edges
}

fn draw(
    map: &PipelineMap,
    graph: &Graph<NodeLabel, EdgeLabel>,
    edges: &[(String, String, Line)],
) -> String {
    let boxes: Vec<(String, &NodeLabel)> = names(map)
        .into_iter()
        .filter_map(|name| Some((name.clone(), graph.node(&name)?)))
        .collect();
    let far =
        |of: fn(&NodeLabel) -> f64| boxes.iter().map(|(_, node)| of(node)).fold(0.0, f64::max);
    let width = far(|node| node.x.unwrap_or(0.0) + node.width / 2.0).max(640.0) + 16.0;
    let height = far(|node| node.y.unwrap_or(0.0) + node.height / 2.0) + 56.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"ui-monospace, monospace\" \
         font-size=\"11\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" \
         fill=\"#667\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (from, to, line) in edges {
        let Some(edge) = graph.edge(from, to, None) else { continue };
        let mut path = String::new();
        for (at, point) in edge.points.iter().enumerate() {
            let letter = if at == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1} ", point.x, point.y);
        }
        let style = match line {
            Line::Stream => "stroke=\"#889\"",
            Line::Call => "stroke=\"#b06a00\" stroke-dasharray=\"5 3\"",
            Line::Venue => "stroke=\"#bcc8d8\"",
        };
        let _ = writeln!(
            out,
            "<path d=\"{}\" fill=\"none\" {style} stroke-linejoin=\"round\" \
             marker-end=\"url(#tip)\"/>",
            path.trim_end()
        );
    }
    for (name, node) in &boxes {
        draw_box(map, name, node, &mut out);
    }
    legend(height, &mut out);
    out.push_str("</svg>\n");
    out
}

fn draw_box(map: &PipelineMap, name: &str, node: &NodeLabel, out: &mut String) {
    let (x, y) = (node.x.unwrap_or(0.0), node.y.unwrap_or(0.0));
    let service = map.services.iter().find(|service| service.name == name);
    let place = map.streams.iter().find(|(stream, _)| short(stream) == name).map(|(_, p)| p);
    let (fill, stroke, round, about) = match (service, place) {
        (Some(service), _) => (colour(name), "#445", 3.0, about_service(service)),
        (None, Some(place)) => {
            let stroke = match place.mark() {
                Some("nobody writes it") => "#c00",
                Some(_) => "#aaa",
                None => "#557",
            };
            ("#ffffff", stroke, HEIGHT / 2.0, about_stream(place))
        }
        (None, None) => ("#334", "#334", 3.0, String::new()),
    };
    let ink = if fill == "#334" { "#fff" } else { "#112" };
    let (left, top) = (x - node.width / 2.0, y - node.height / 2.0);
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
         height=\"{:.1}\" rx=\"{round:.0}\" fill=\"{fill}\" stroke=\"{stroke}\"/><text \
         x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{ink}\">{name}</text></g>",
        escaped(&about),
        node.width,
        node.height,
        y + 4.0
    );
}

fn colour(service: &str) -> &'static str {
    let group = CATALOGUE.iter().find(|known| known.name == service).map(|known| known.group);
    let found = GROUPS.iter().find(|(name, _)| Some(*name) == group);
    found.map_or("#eee", |(_, colour)| colour)
}

fn about_service(service: &MappedService) -> String {
    let known = CATALOGUE.iter().find(|known| known.name == service.name);
    let mut about =
        known.map_or(String::new(), |k| format!("{} ({})\n", k.about.trim(), k.described));
    for (what, keys) in
        [("gets", &service.wiring.keys_read), ("sets", &service.wiring.keys_written)]
    {
        if !keys.is_empty() {
            let _ = writeln!(about, "{what} {}", keys.join(", "));
        }
    }
    about
}

fn about_stream(place: &Place) -> String {
    let who = |names: &[String]| {
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    };
    format!("written by {}\nread by {}", who(&place.writers), who(&place.readers))
}

fn legend(height: f64, out: &mut String) {
    let mut x = 16.0;
    let y = height - 30.0;
    let mut entry = |name: &str, fill: &str, stroke: &str| {
        let _ = writeln!(
            out,
            "<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\" \
             stroke=\"{stroke}\"/><text x=\"{:.0}\" y=\"{:.0}\">{name}</text>",
            x + 19.0,
            y + 11.0
        );
        x += 34.0 + letters(name) * LETTER;
    };
    for (name, colour) in GROUPS {
        entry(name, colour, "#445");
    }
    entry("stream that nobody writes", "#ffffff", "#c00");
    entry("stream that nobody reads", "#ffffff", "#aaa");
}

fn escaped(text: &str) -> String {
    text.trim_end().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::pipeline::PipelineSettings;

    #[test]
    fn every_service_and_stream_is_drawn_once_and_always_alike() {
        let map = PipelineMap::of(&PipelineSettings::all_enabled(), &[]).unwrap();
        let picture = svg(&map);
        for name in names(&map) {
            let drawn = picture.matches(&format!(">{name}</text>")).count();
            assert_eq!(drawn, 1, "{name}");
        }
        assert_eq!(picture.matches("<path d=\"M").count(), edges(&map).len() + 1, "and the tip");
        assert_eq!(picture, svg(&map));
        assert!(!picture.contains("NaN"));
    }
}
