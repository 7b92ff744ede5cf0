//! AXE extensions: the digits that tell the many subscribers of one X apart, and which of them are free.

use std::fmt;

/// Most digits of an extension (customer-api 5).
pub const EXTENSION_DIGITS_MAX: u8 = 4;

/// An extension: 1 to 4 digits, leading zeros kept, not all of them zero (customer-api 5: `0001` to `9999`).
/// `1` and `0001` are two extensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extension {
    digits: u8,
    value: u16,
}

impl Extension {
    /// Not above any other in the order of extensions.
    pub const LOWEST: Self = Self { digits: 1, value: 1 };

    /// Reads what a customer wrote or a caller keyed.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let digits =
            u8::try_from(text.len()).ok().filter(|digits| plain && *digits <= EXTENSION_DIGITS_MAX)?;
        Self::new(digits, text.parse().ok()?)
    }

    /// `value` written with `digits` digits; `None` when it does not fit, or is zero.
    pub fn new(digits: u8, value: u16) -> Option<Self> {
        (1..=highest(digits)).contains(&value).then_some(Self { digits, value })
    }

    /// With how many digits it is written.
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// One word that no other extension has.
    pub const fn word(self) -> u64 {
        (self.digits as u64) << 16 | self.value as u64
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.value, width = usize::from(self.digits))
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many extensions of so many digits there are, and the highest of them: 9, 99, 999 or 9999 (customer-api
/// 11); 0 for a number of digits that extensions cannot have.
pub const fn highest(digits: u8) -> u16 {
    match digits {
        1 => 9,
        2 => 99,
        3 => 999,
        EXTENSION_DIGITS_MAX => 9_999,
        _ => 0,
    }
}

/// Which extensions of one X can be given out. An extension that is bound cannot, nor one that rests after a
/// binding, nor one that a bind in the making has been given; whoever owns this says when that is over.
///
/// Finding a free one takes the same few steps however full the X is: one bit per extension says that it is
/// free, and one bit per 64 of them that there is a free one among those.
#[derive(Clone, Debug)]
pub struct FreeExtensions {
    digits: u8,
    free: Box<[u64]>,
    any_free: [u64; SUMMARY_WORDS],
    bound: Box<[u64]>,
}

/// Bits in a word.
const WORD: usize = u64::BITS as usize;
/// Words that hold one bit for each of the 157 words of 9,999 extensions.
const SUMMARY_WORDS: usize = 3;

impl FreeExtensions {
    /// All extensions of so many digits are free.
    pub fn new(digits: u8) -> Self {
        let words = usize::from(highest(digits)) / WORD + 1;
        let (free, bound) = (vec![0; words].into(), vec![0; words].into());
        let mut all = Self { digits, free, any_free: [0; SUMMARY_WORDS], bound };
        for value in 1..=highest(digits) {
            all.set_free(value, true);
        }
        all
    }

    /// How many digits the extensions have.
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// Whether there is a free one.
    pub fn any(&self) -> bool {
        self.any_free.iter().any(|word| *word != 0)
    }

    /// A free extension: the first from a place that `draw` decides on, going round.
    pub fn choose(&self, draw: u16) -> Option<Extension> {
        let start = usize::from(draw % highest(self.digits).max(1)) + 1;
        let at = self.next_from(start).or_else(|| self.next_from(1))?;
        Extension::new(self.digits, u16::try_from(at).ok()?)
    }

    /// Whether a binding stands on the extension.
    pub fn is_bound(&self, extension: Extension) -> bool {
        let (word, bit) = place(extension.value);
        self.knows(extension) && self.bound[word] & bit != 0
    }

    /// Notes that a binding stands on the extension.
    pub fn note_bound(&mut self, extension: Extension) {
        if self.knows(extension) {
            let (word, bit) = place(extension.value);
            self.bound[word] |= bit;
            self.set_free(extension.value, false);
        }
    }

    /// Notes that no binding stands on the extension any more. It is not free before [`Self::give_back`].
    pub fn note_unbound(&mut self, extension: Extension) {
        if self.knows(extension) {
            let (word, bit) = place(extension.value);
            self.bound[word] &= !bit;
        }
    }

    /// Takes the extension out of what can be given out.
    pub fn hold(&mut self, extension: Extension) {
        if self.knows(extension) {
            self.set_free(extension.value, false);
        }
    }

    /// Lets the extension be given out again, unless a binding stands on it.
    pub fn give_back(&mut self, extension: Extension) {
        if self.knows(extension) && !self.is_bound(extension) {
            self.set_free(extension.value, true);
        }
    }

    fn knows(&self, extension: Extension) -> bool {
        extension.digits == self.digits
    }

    fn set_free(&mut self, value: u16, free: bool) {
        let (word, bit) = place(value);
        let summary = &mut self.any_free[word / WORD];
        let summary_bit = 1 << (word % WORD);
        if free {
            self.free[word] |= bit;
        } else {
            self.free[word] &= !bit;
        }
        *summary = if self.free[word] == 0 { *summary & !summary_bit } else { *summary | summary_bit };
    }

    /// The first free value not below `start`.
    fn next_from(&self, start: usize) -> Option<usize> {
        let word = start / WORD;
        let here = self.free[word] & (u64::MAX << (start % WORD));
        if here != 0 {
            return Some(word * WORD + here.trailing_zeros() as usize);
        }
        let next = word + 1;
        let summary_from = |at: usize| match at * WORD {
            first if first >= next => self.any_free[at],
            first if next < first + WORD => self.any_free[at] & (u64::MAX << (next - first)),
            _ => 0,
        };
        let (at, bits) = (0..SUMMARY_WORDS).map(|at| (at, summary_from(at))).find(|(_, bits)| *bits != 0)?;
        let word = at * WORD + bits.trailing_zeros() as usize;
        Some(word * WORD + self.free[word].trailing_zeros() as usize)
    }
}

/// Where the bit of a value is: the word, and the bit in it.
const fn place(value: u16) -> (usize, u64) {
    (value as usize / WORD, 1 << (value as usize % WORD))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn extension(digits: u8, value: u16) -> Extension {
        Extension::new(digits, value).unwrap()
    }

    #[test]
    fn an_extension_keeps_its_leading_zeros() {
        for text in ["1", "9", "01", "0001", "0420", "9999"] {
            assert_eq!(Extension::parse(text).unwrap().to_string(), text);
        }
        assert_ne!(Extension::parse("1"), Extension::parse("0001"));
        assert_ne!(Extension::parse("1").unwrap().word(), Extension::parse("0001").unwrap().word());
    }

    #[test]
    fn what_is_no_extension_is_not_read_as_one() {
        for text in ["", "0", "00", "0000", "00000", "10000", "12345", "+1", "-1", " 1", "1#", "a", "１"] {
            assert_eq!(Extension::parse(text), None, "{text:?}");
        }
        assert_eq!(Extension::new(1, 10), None);
        assert_eq!(Extension::new(0, 0), None);
        assert_eq!(Extension::new(5, 1), None);
    }

    #[test]
    fn the_digits_say_how_many_extensions_there_are() {
        for (digits, count) in [(1, 9), (2, 99), (3, 999), (4, 9_999)] {
            let mut free = FreeExtensions::new(digits);
            let mut given = BTreeSet::new();
            while let Some(extension) = free.choose(7) {
                free.note_bound(extension);
                assert!(given.insert(extension), "{extension} was given out twice");
            }
            assert_eq!(given.len(), count);
            assert!(!free.any());
        }
        assert!(!FreeExtensions::new(0).any() && FreeExtensions::new(0).choose(3).is_none());
        assert!(!FreeExtensions::new(200).any());
    }

    #[test]
    fn the_last_free_extension_is_found_from_any_draw() {
        let last = extension(4, 8_191);
        let mut free = FreeExtensions::new(4);
        for value in (1..=9_999).filter(|value| *value != 8_191) {
            free.note_bound(extension(4, value));
        }
        for draw in [0, 1, 8_189, 8_190, 8_191, 9_998, 9_999, u16::MAX] {
            assert_eq!(free.choose(draw), Some(last), "{draw}");
        }
    }

    #[test]
    fn an_extension_that_was_bound_again_while_it_rested_is_not_given_out_when_its_rest_ends() {
        let mut free = FreeExtensions::new(1);
        let one = extension(1, 1);
        free.note_bound(one);
        free.note_unbound(one);
        assert_ne!(free.choose(0), Some(one), "it rests");
        free.note_bound(one);
        free.give_back(one);
        assert_ne!(free.choose(0), Some(one), "it is bound");
        free.note_unbound(one);
        free.give_back(one);
        assert_eq!(free.choose(0), Some(one));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Bind(u16),
        Unbind(u16),
        Hold(u16),
        GiveBack(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        (0..4, 1u16..=999).prop_map(|(kind, value)| match kind {
            0 => Step::Bind(value),
            1 => Step::Unbind(value),
            2 => Step::Hold(value),
            _ => Step::GiveBack(value),
        })
    }

    proptest! {
        #[test]
        fn what_is_chosen_is_the_next_free_one_of_a_plain_set(
            steps in prop::collection::vec(step(), 1..400),
            draws in prop::collection::vec(any::<u16>(), 8),
        ) {
            let mut free = FreeExtensions::new(3);
            let mut model: BTreeSet<u16> = (1..=999).collect();
            let mut bound = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Bind(value) => {
                        free.note_bound(extension(3, value));
                        model.remove(&value);
                        bound.insert(value);
                    }
                    Step::Unbind(value) => {
                        free.note_unbound(extension(3, value));
                        bound.remove(&value);
                    }
                    Step::Hold(value) => {
                        free.hold(extension(3, value));
                        model.remove(&value);
                    }
                    Step::GiveBack(value) => {
                        free.give_back(extension(3, value));
                        if !bound.contains(&value) {
                            model.insert(value);
                        }
                    }
                }
            }
            for draw in draws {
                let start = draw % 999 + 1;
                let expected = model.range(start..).chain(model.range(..start)).next();
                let chosen = free.choose(draw).map(|chosen| chosen.value);
                prop_assert_eq!(chosen.as_ref(), expected);
            }
        }
    }
}
