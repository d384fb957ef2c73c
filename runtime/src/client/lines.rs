//! A session's connections: one to each core of the controller.

use clockwork_wire::{Credits, Hello, Home, ModelId};

use crate::net::LinkId;

/// The connection to one core of the controller, and what is under way on it.
#[derive(Debug)]
pub(super) struct Line {
    /// `None` while it is lost.
    pub(super) link: Option<LinkId>,
    credits: Credits,
    requests: u32,
    bytes: u64,
}

impl Line {
    /// A line that is up, with nothing under way.
    pub(super) const fn new(link: LinkId, credits: Credits) -> Self {
        Self { link: Some(link), credits, requests: 0, bytes: 0 }
    }

    /// A line that is not up yet.
    pub(super) const fn absent() -> Self {
        Self { link: None, credits: Credits::UNLIMITED, requests: 0, bytes: 0 }
    }

    /// Counts a request with so many bytes of input, if the credits allow it.
    pub(super) fn take(&mut self, len: u32) -> bool {
        let bytes = self.bytes + u64::from(len);
        if self.requests >= self.credits.requests || bytes > self.credits.bytes {
            return false;
        }
        self.requests += 1;
        self.bytes = bytes;
        true
    }

    /// A request with so many bytes of input is over.
    pub(super) fn give_back(&mut self, len: u32) {
        self.requests -= 1;
        self.bytes -= u64::from(len);
    }
}

/// All lines of a session, and which of them is the way to a model's home.
#[derive(Debug)]
pub(super) struct Lines {
    /// By the number of the controller's core.
    lines: Vec<Line>,
    /// By model, as the last answer said.
    homes: Vec<Home>,
}

impl Lines {
    /// These lines; no home is known.
    pub(super) const fn new(lines: Vec<Line>) -> Self {
        Self { lines, homes: Vec::new() }
    }

    /// The line to a core.
    pub(super) fn at(&mut self, index: usize) -> &mut Line {
        &mut self.lines[index]
    }

    /// The first line that is up.
    pub(super) fn any(&self) -> Option<LinkId> {
        self.lines.iter().find_map(|line| line.link)
    }

    /// The line on which requests of a model are to be sent: to its home, else to one that is the
    /// same every time; to the next one that is up if that is lost. `None` if all are.
    pub(super) fn route(&self, model: ModelId) -> Option<usize> {
        let home = self.homes.get(model.index()).and_then(|home| home.core());
        let home = home.and_then(|core| usize::try_from(core).ok());
        let home = home.filter(|&core| core < self.lines.len());
        let wanted = home.unwrap_or_else(|| model.index() % self.lines.len());
        let order = (wanted..self.lines.len()).chain(0..wanted);
        order.into_iter().find(|&index| self.lines[index].link.is_some())
    }

    /// An answer said where the model's home is, or nothing of that.
    pub(super) fn learn(&mut self, model: ModelId, home: Home) {
        // A peer that makes up models costs no memory.
        let known = model.index() < MODELS_MAX;
        if home == Home::UNKNOWN || self.lines.len() == 1 || !known {
            return;
        }
        if self.homes.len() <= model.index() {
            self.homes.resize(model.index() + 1, Home::UNKNOWN);
        }
        self.homes[model.index()] = home;
    }

    /// A controller grants something else from now on.
    pub(super) fn grant(&mut self, link: LinkId, credits: Credits) {
        if let Some(index) = self.of(link) {
            self.lines[index].credits = credits;
        }
    }

    /// A lost line is up again: that of the core which serves the link, if it is that one that was
    /// lost.
    pub(super) fn restore(&mut self, link: LinkId, greeting: &Hello) {
        let lost = |line: &&mut Line| line.link.is_none();
        let wanted = usize::try_from(greeting.core).unwrap_or(usize::MAX);
        let own = self.lines.iter().skip(wanted).take(1).any(|line| line.link.is_none());
        let line = if own { self.lines.get_mut(wanted) } else { self.lines.iter_mut().find(lost) };
        if let Some(line) = line {
            line.link = Some(link);
            line.credits = greeting.credits;
        }
    }

    /// A link is lost; gives its line.
    pub(super) fn lose(&mut self, link: LinkId) -> Option<usize> {
        let index = self.of(link)?;
        self.lines[index].link = None;
        Some(index)
    }

    /// Whether a line is this link.
    pub(super) fn is_used(&self, link: LinkId) -> bool {
        self.of(link).is_some()
    }

    fn of(&self, link: LinkId) -> Option<usize> {
        self.lines.iter().position(|line| line.link == Some(link))
    }
}

/// Homes are kept for models below this.
const MODELS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use clockwork_wire::Role;

    use super::*;
    use crate::net::hello;

    fn lines(count: u64) -> Lines {
        Lines::new((0..count).map(|n| Line::new(LinkId::new(n), Credits::UNLIMITED)).collect())
    }

    fn route(lines: &Lines, model: u32) -> Option<usize> {
        lines.route(ModelId::new(model))
    }

    #[test]
    fn models_spread_until_their_home_is_known() {
        let mut lines = lines(4);
        let spread: Vec<_> = (0..8).map(|model| route(&lines, model).unwrap()).collect();
        assert_eq!(spread, [0, 1, 2, 3, 0, 1, 2, 3]);
        lines.learn(ModelId::new(5), Home::of(3));
        assert_eq!((route(&lines, 5), route(&lines, 1)), (Some(3), Some(1)));
        lines.learn(ModelId::new(5), Home::UNKNOWN);
        assert_eq!(route(&lines, 5), Some(3), "no hint changes nothing");
        lines.learn(ModelId::new(5), Home::of(8));
        assert_eq!(route(&lines, 5), Some(1), "there is no such core");
    }

    #[test]
    fn requests_go_elsewhere_while_their_line_is_lost() {
        let mut lines = lines(3);
        lines.learn(ModelId::new(0), Home::of(2));
        assert_eq!(lines.lose(LinkId::new(2)), Some(2));
        assert_eq!(lines.lose(LinkId::new(2)), None);
        assert_eq!(route(&lines, 0), Some(0));
        lines.restore(LinkId::new(7), &hello(Role::Controller));
        assert_eq!(route(&lines, 0), Some(2));
        for link in [0, 1, 7] {
            lines.lose(LinkId::new(link));
        }
        assert_eq!((route(&lines, 0), lines.any()), (None, None));
    }

    #[test]
    fn credits_count_for_each_line() {
        let credits = Credits { requests: 2, bytes: 10 };
        let mut line = Line::new(LinkId::new(0), credits);
        assert!(line.take(6) && !line.take(6) && line.take(4) && !line.take(0));
        line.give_back(6);
        assert!(line.take(5));
    }

    #[test]
    fn a_peer_that_makes_up_models_costs_no_memory() {
        let mut lines = lines(2);
        lines.learn(ModelId::new(u32::MAX), Home::of(0));
        assert!(lines.homes.is_empty());
    }
}
