//! What a workload is made of: models to load, and generators that ask for them.

use std::collections::VecDeque;

use clockwork_wire::UserId;

use crate::generator::Generator;
use crate::{LoadModels, Output, Tag};

/// Models to load in order, and generators in order of their salt.
#[derive(Debug, Default)]
pub struct Plan {
    loads: Vec<LoadModels>,
    generators: Vec<Box<dyn Generator>>,
    models: u32,
    notes: Vec<String>,
    /// Whether each load is told.
    announces: bool,
}

/// Whom a generator asks for, and as whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Who asks.
    pub user: UserId,
    /// The model, as its place in load order.
    pub model: u32,
    /// SLO as a multiple of the model's batch-1 time; 0 means the controller's default.
    pub slo_factor: f32,
}

impl Plan {
    /// A plan that loads this model and no other.
    pub fn of(name: &str, copies: u32) -> Self {
        let mut plan = Self::default();
        plan.load(name, copies);
        plan
    }

    /// Loads copies of one more model, after those before it.
    pub fn load(&mut self, name: &str, copies: u32) {
        self.models += copies;
        self.loads.push(LoadModels { name: name.into(), copies });
    }

    /// Has every load told, as `Loading NAME xCOPIES`.
    pub fn announce_loads(&mut self) {
        self.announces = true;
    }

    /// Adds something that every result of this plan should say, such as how a trace was scaled.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// What every result of this plan should say. An engine tells it at its beginning.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Adds a part of the workload.
    ///
    /// # Panics
    /// If there are more than [`Tag::GENERATORS_MAX`].
    pub fn add(&mut self, generator: impl Generator + 'static) {
        assert!(self.generators.len() < Tag::GENERATORS_MAX, "too many generators");
        self.generators.push(Box::new(generator));
    }

    /// One target per model, in load order, with the user id equal to the model's place.
    pub fn targets(&self) -> Vec<Target> {
        (0..self.models).map(|model| Target::new(UserId::new(model), model)).collect()
    }

    /// How many models there will be.
    pub fn models(&self) -> u32 {
        self.models
    }

    /// Divides the work among `parts` clients that run at the same time: each loads the same models
    /// and has its share of every stream; what cannot be divided goes to one of them, in rotation.
    ///
    /// # Panics
    /// If there are no parts.
    #[must_use]
    pub fn split(self, parts: u32) -> Vec<Self> {
        assert!(parts > 0, "nobody would do the work");
        if parts == 1 {
            return vec![self];
        }
        let Self { loads, notes, models, announces, .. } = &self;
        let empty = || Self {
            loads: loads.clone(),
            generators: Vec::new(),
            models: *models,
            notes: notes.clone(),
            announces: *announces,
        };
        let mut plans: Vec<_> = (0..parts).map(|_| empty()).collect();
        for (index, generator) in self.generators.into_iter().enumerate() {
            if generator.share(0, parts).is_none() {
                let place = index % plans.len();
                plans[place].generators.push(generator);
                continue;
            }
            for (part, plan) in (0..).zip(&mut plans) {
                plan.generators.extend(generator.share(part, parts));
            }
        }
        plans
    }

    /// What to tell and to load, and who generates.
    pub(crate) fn into_parts(self) -> (VecDeque<Output>, Vec<Box<dyn Generator>>) {
        let mut preparations: VecDeque<_> = self.notes.into_iter().map(Output::Print).collect();
        for load in self.loads {
            if self.announces {
                let told = format!("Loading {} x{}", load.name, load.copies);
                preparations.push_back(Output::Print(told));
            }
            preparations.push_back(Output::Load(load));
        }
        (preparations, self.generators)
    }
}

impl Target {
    /// This user asks for this model with the controller's default SLO.
    pub const fn new(user: UserId, model: u32) -> Self {
        Self { user, model, slo_factor: 0.0 }
    }

    /// The same with an SLO of its own; 0 is the controller's default.
    #[must_use]
    pub const fn with_slo_factor(self, slo_factor: f32) -> Self {
        Self { slo_factor, ..self }
    }
}
