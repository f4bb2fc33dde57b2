//! Inputs that are programs: actions of eight bytes each, the first of which tells what is done.
//!
//! Since every action has the same length, [`mutate`] changes whole ones: it adds, drops, repeats and swaps them
//! and changes single operands, so that what the others do stays as it was.

/// Bytes of an action.
pub const LEN: usize = 8;

/// One action: what is done, and seven operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Action(pub [u8; LEN]);

impl Action {
    /// What is done, as one of `kinds`.
    pub fn kind(&self, kinds: u8) -> u8 {
        self.0[0] % kinds
    }

    /// The operand at `index` (1 to 7).
    pub fn byte(&self, index: usize) -> u8 {
        self.0[index]
    }

    /// Whether a bit of the operand at `index` is set.
    pub fn bit(&self, index: usize, bit: u8) -> bool {
        self.0[index] >> bit & 1 == 1
    }

    /// The operands at `index` and behind it as a number.
    pub fn word(&self, index: usize) -> u16 {
        u16::from_be_bytes([self.0[index], self.0[index + 1]])
    }

    /// Four operands from `index` on as a number.
    pub fn long(&self, index: usize) -> u32 {
        u32::from(self.word(index)) << 16 | u32::from(self.word(index + 2))
    }

    /// A number that is mostly small and may be large: the low bits of the operand, shifted by the high ones.
    pub fn scaled(&self, index: usize) -> u64 {
        let byte = u64::from(self.0[index]);
        (byte & 15) << (byte >> 4)
    }
}

/// The actions of an input; what is left at its end, too short for one, is filled with zeros.
pub fn read(bytes: &[u8]) -> impl Iterator<Item = Action> + Clone + '_ {
    bytes.chunks(LEN).map(|chunk| {
        let mut action = [0; LEN];
        action[..chunk.len()].copy_from_slice(chunk);
        Action(action)
    })
}

/// Changes the program in the first `size` bytes of `data`, up to `max_size` bytes, and gives its length. Equal
/// seeds make equal changes.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut chance = Chance(u64::from(seed) << 1 | 1);
    let mut program: Vec<[u8; LEN]> = read(&data[..size]).map(|action| action.0).collect();
    let most = (max_size.min(data.len()) / LEN).max(1);
    for _ in 0..=chance.below(3) {
        change(&mut program, &mut chance);
    }
    program.truncate(most);
    let len = program.len() * LEN;
    if len > data.len() {
        return size;
    }
    data[..len].copy_from_slice(program.as_flattened());
    len
}

fn change(program: &mut Vec<[u8; LEN]>, chance: &mut Chance) {
    let random = |chance: &mut Chance| chance.next().to_be_bytes();
    if program.is_empty() {
        let action = random(chance);
        return program.push(action);
    }
    let at = chance.below(program.len());
    match chance.below(10) {
        0 => {
            let action = random(chance);
            program.insert(at, action);
        }
        1 => {
            program.remove(at);
        }
        2 => program.insert(at, program[at]),
        3 => {
            let other = chance.below(program.len());
            program.swap(at, other);
        }
        4 => {
            // A run of actions is repeated behind itself.
            let len = 1 + chance.below((program.len() - at).min(8));
            let run = program[at..at + len].to_vec();
            program.splice(at + len..at + len, run);
        }
        5 => {
            let len = 1 + chance.below((program.len() - at).min(8));
            program.drain(at..at + len);
        }
        6 => program[at][0] = chance.next() as u8,
        7 => program[at][1 + chance.below(LEN - 1)] = chance.next() as u8,
        8 => program[at][1 + chance.below(LEN - 1)] ^= 1 << chance.below(8),
        _ => {
            let operand = &mut program[at][1 + chance.below(LEN - 1)];
            *operand = operand.wrapping_add([1, 255, 16, 240][chance.below(4)]);
        }
    }
}

/// Chance by a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_leaves_most_actions_as_they_were() {
        let program: Vec<u8> = (0..32 * LEN as u16).map(|byte| byte as u8).collect();
        let mut kept = 0;
        for seed in 0..1000 {
            let mut data = program.clone();
            data.resize(64 * LEN, 0);
            let len = mutate(&mut data, program.len(), 64 * LEN, seed);
            assert!(len.is_multiple_of(LEN), "{len} bytes");
            kept += read(&program).filter(|action| read(&data[..len]).any(|other| other == *action)).count();
        }
        assert!(kept > 28_000, "{kept} of 32000");
    }

    #[test]
    fn a_mutation_keeps_to_the_room_there_is() {
        for size in 0..=20 {
            for seed in 0..500 {
                let mut data = [7; 20];
                assert!(mutate(&mut data, size, 20, seed) <= 20);
            }
        }
    }
}
