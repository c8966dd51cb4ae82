//! How long an AMD64 instruction is, and where in it something stands that is relative to its end.
//!
//! Only what the transformation of code needs: prefixes, one- and two-byte opcodes, ModRM, displacements, immediates. Opcodes that are unknown to it,
//! and those of later processors, are an instruction that ends behind the opcode: so did the encoder take them, and
//! where both are wrong in the same way nothing is lost.

/// The longest instruction.
pub(super) const MAX_NBYTES: usize = 15;

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Its length in bytes.
    pub(super) nbytes: usize,
    /// Where in it four bytes are relative to its end.
    pub(super) relative_at: Option<usize>,
}

/// What follows an opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    /// The opcode is not known.
    Unknown,
    None,
    /// An immediate value.
    Immediate(Immediate),
    /// A ModRM byte and what that says.
    ModRm,
    ModRmAnd(Immediate),
    /// ModRM; the operations 0 and 1 in it have an immediate value.
    Group(Immediate),
    /// An address in memory.
    Address,
    /// A distance of one byte.
    Short,
    /// A distance of four bytes.
    Near,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Immediate {
    Byte,
    Word,
    /// A word and a byte.
    Enter,
    /// As large as the operands, four bytes at most.
    Full,
    /// As large as the operands.
    Wide,
}

use Immediate::{Byte, Enter, Full, Wide, Word};
use Operands::{Address, Group, ModRm, ModRmAnd, Near, Short, Unknown};

fn one_byte(opcode: u8) -> Operands {
    match opcode {
        0x00..=0x3F => match opcode & 7 {
            0..=3 => ModRm,
            4 => Operands::Immediate(Byte),
            5 => Operands::Immediate(Full),
            _ => Unknown,
        },
        0x50..=0x5F => Operands::None,
        0x63 => ModRm,
        0x68 => Operands::Immediate(Full),
        0x69 => ModRmAnd(Full),
        0x6A => Operands::Immediate(Byte),
        0x6B => ModRmAnd(Byte),
        0x6C..=0x6F => Operands::None,
        0x70..=0x7F => Short,
        0x80 | 0x83 => ModRmAnd(Byte),
        0x81 => ModRmAnd(Full),
        0x84..=0x8F => ModRm,
        0x90..=0x99 | 0x9B..=0x9D => Operands::None,
        0xA0..=0xA3 => Address,
        0xA8 => Operands::Immediate(Byte),
        0xA9 => Operands::Immediate(Full),
        0xA4..=0xAF => Operands::None,
        0xB0..=0xB7 => Operands::Immediate(Byte),
        0xB8..=0xBF => Operands::Immediate(Wide),
        0xC0 | 0xC1 | 0xC6 => ModRmAnd(Byte),
        0xC7 => ModRmAnd(Full),
        0xC2 | 0xCA => Operands::Immediate(Word),
        0xC8 => Operands::Immediate(Enter),
        0xC3 | 0xC9 | 0xCB | 0xCC | 0xCF => Operands::None,
        0xCD => Operands::Immediate(Byte),
        0xD0..=0xD3 | 0xD8..=0xDF => ModRm,
        0xD7 => Operands::None,
        0xE0..=0xE3 | 0xEB => Short,
        0xE4..=0xE7 => Operands::Immediate(Byte),
        0xE8 | 0xE9 => Near,
        0xEC..=0xEF | 0xF1 | 0xF4 | 0xF5 | 0xF8..=0xFD => Operands::None,
        0xF6 => Group(Byte),
        0xF7 => Group(Full),
        0xFE | 0xFF => ModRm,
        _ => Unknown,
    }
}

fn two_byte(opcode: u8) -> Operands {
    match opcode {
        0x04..=0x09 | 0x0B | 0x0E | 0x30..=0x33 | 0x77 => Operands::None,
        0xA0..=0xA2 | 0xA8..=0xAA | 0xC8..=0xCF => Operands::None,
        0x0F | 0x70..=0x73 | 0xA4 | 0xAC | 0xBA | 0xC2 | 0xC4..=0xC6 => ModRmAnd(Byte),
        0x80..=0x8F => Near,
        0x00..=0x03 | 0x0D | 0x10..=0x18 | 0x20..=0x23 | 0x28..=0x2F | 0x40..=0x76 | 0x7E | 0x7F => ModRm,
        0x90..=0x9F | 0xA3 | 0xA5 | 0xAB | 0xAD..=0xB7 | 0xB9..=0xC7 | 0xD1..=0xEF | 0xF1..=0xFE => ModRm,
        _ => Unknown,
    }
}

/// The instruction at the beginning of `code`, which is not empty. One that is cut off ends where what is left of it can be understood.
pub(super) fn instruction(code: &[u8]) -> Instruction {
    let mut cursor = Cursor { code: &code[..code.len().min(MAX_NBYTES)], at: 0, relative_at: None };
    let relative_at = match cursor.read() {
        Some(()) => cursor.relative_at,
        None => None,
    };
    Instruction { nbytes: cursor.at.max(1), relative_at }
}

struct Cursor<'a> {
    code: &'a [u8],
    at: usize,
    relative_at: Option<usize>,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.code.get(self.at).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, nbytes: usize) -> Option<()> {
        self.code.get(self.at..self.at + nbytes)?;
        self.at += nbytes;
        Some(())
    }

    fn relative(&mut self) -> Option<()> {
        let at = self.at;
        self.skip(4)?;
        self.relative_at = Some(at);
        Some(())
    }

    /// `None`: it ends here, for better or worse.
    fn read(&mut self) -> Option<()> {
        let (mut is_16_bit, mut short_addresses) = (false, false);
        loop {
            match self.peek()? {
                0x66 => is_16_bit = true,
                0x67 => short_addresses = true,
                0x26 | 0x2E | 0x36 | 0x3E | 0x64 | 0x65 | 0xF0 | 0xF2 | 0xF3 => {}
                _ => break,
            }
            self.at += 1;
        }
        let mut is_64_bit = false;
        if let rex @ 0x40..=0x4F = self.peek()? {
            is_64_bit = rex & 8 != 0;
            self.at += 1;
            if matches!(self.peek()?, 0x40..=0x4F) {
                return None; // there is only one of these
            }
        }
        let operands = match self.byte()? {
            0x0F => two_byte(self.byte()?),
            opcode => one_byte(opcode),
        };
        let immediate = match operands {
            Unknown => return None,
            Operands::None => None,
            Operands::Immediate(immediate) => Some(immediate),
            ModRm | ModRmAnd(_) | Group(_) => {
                let operation = self.mod_rm()?;
                match operands {
                    ModRmAnd(immediate) => Some(immediate),
                    Group(immediate) if operation < 2 => Some(immediate),
                    _ => None,
                }
            }
            Address => return self.skip(if short_addresses { 4 } else { 8 }),
            Short => return self.skip(1),
            Near => return self.relative(),
        };
        let full = if is_16_bit { 2 } else { 4 };
        self.skip(match immediate {
            None => 0,
            Some(Byte) => 1,
            Some(Word) => 2,
            Some(Enter) => 3,
            Some(Wide) if is_64_bit => 8,
            Some(Full | Wide) => full,
        })
    }

    /// A ModRM byte and what follows from it; answers its middle field.
    fn mod_rm(&mut self) -> Option<u8> {
        let mod_rm = self.byte()?;
        let (mode, base) = (mod_rm >> 6, mod_rm & 7);
        let index_base = if mode != 3 && base == 4 { Some(self.byte()? & 7) } else { None };
        match mode {
            0 if base == 5 => self.relative()?,
            0 if index_base == Some(5) => self.skip(4)?,
            1 => self.skip(1)?,
            2 => self.skip(4)?,
            _ => {}
        }
        Some(mod_rm >> 3 & 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_references() {
        for (code, nbytes, relative_at) in [
            (&[0x90][..], 1, None),
            (&[0x48, 0x8B, 0x05, 1, 2, 3, 4], 7, Some(3)), // mov rax, [rip + …]
            (&[0xC7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8], 10, Some(2)), // mov dword [rip + …], …
            (&[0xE8, 1, 2, 3, 4], 5, Some(1)),             // call
            (&[0x0F, 0x84, 1, 2, 3, 4], 6, Some(2)),       // je
            (&[0x74, 5], 2, None),
            (&[0x48, 0xB8, 1, 2, 3, 4, 5, 6, 7, 8], 10, None), // mov rax, …
            (&[0xB8, 1, 2, 3, 4], 5, None),
            (&[0x66, 0xB8, 1, 2], 4, None),
            (&[0x48, 0x83, 0xEC, 0x28], 4, None), // sub rsp, …
            (&[0x48, 0x89, 0x5C, 0x24, 8], 5, None),
            (&[0x8B, 0x04, 0x25, 1, 2, 3, 4], 7, None), // an address of four bytes
            (&[0xF6, 0x05, 1, 2, 3, 4, 5], 7, Some(2)), // test byte [rip + …], …
            (&[0xF7, 0xD8], 2, None),                   // neg eax
            (&[0xF3, 0x0F, 0x10, 0x05, 1, 2, 3, 4], 8, Some(4)), // movss xmm0, [rip + …]
            (&[0xC8, 1, 2, 3], 4, None),
            (&[0xC2, 8, 0], 3, None),
        ] {
            let longer = [code, &[0xCC; 8]].concat();
            assert_eq!(instruction(&longer), Instruction { nbytes, relative_at }, "{code:02x?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_unknown_has_no_reference() {
        for code in [
            &[0x48][..],
            &[0x48, 0x48, 0x8B],
            &[0x0F],
            &[0x0F, 0x1F, 0x44],
            &[0xE8, 1, 2, 3],
            &[0xC7, 5, 1, 2, 3, 4, 5],
        ] {
            let found = instruction(code);
            assert!(found.relative_at.is_none() && (1..=code.len()).contains(&found.nbytes), "{code:02x?}");
        }
    }
}
