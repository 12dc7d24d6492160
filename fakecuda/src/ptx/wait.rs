//! Instructions at which threads meet.

use super::{
    decode::{self, Opcode},
    step::{Combine, Exchange, SINK, Shuffle, Step, Vote, Wait},
    symbols::Symbols,
};

pub(super) fn decode(opcode: &mut Opcode, operands: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    match opcode.name {
        "membar" | "fence" => {
            opcode.drop_all(&["cta", "gl", "gpu", "sys", "sc", "acq_rel", "acquire", "release"]);
            Ok(Step::Nothing)
        }
        // Which threads run together is up to the GPU; that a thread runs alone is always a possible answer.
        "activemask" => {
            opcode.drop_all(&["b32"]);
            let [to] = operands else { return Err("takes one operand".into()) };
            let lane = symbols.source("%laneid")?;
            let from = [lane, SINK, SINK, SINK];
            Ok(Step::Compute { function: |lane, _, _, _| 1 << (lane & 31), to: symbols.target(to)?, from })
        }
        "bar" | "barrier" => barrier(opcode, operands, symbols),
        _ => warp(opcode, operands, symbols),
    }
}

fn barrier(opcode: &mut Opcode, operands: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    opcode.drop_all(&["cta", "aligned"]);
    if opcode.take("warp") {
        let [mask] = operands else { return Err("takes a mask".into()) };
        opcode.drop_all(&["sync"]);
        return Ok(Step::Wait(Wait::Warp { mask: symbols.source(mask)?, exchange: Exchange::Nothing }));
    }
    if opcode.take("sync") {
        // The second operand would be a number of threads other than the block's.
        return match operands {
            ["0"] => {
                Ok(Step::Wait(Wait::Block { combine: Combine::Nothing, to: SINK, from: SINK, negate: false }))
            }
            _ => Err("is not supported: only barrier 0 is, for the whole block".into()),
        };
    }
    if !opcode.take("red") {
        return Err("is not supported".into());
    }
    opcode.take_type()?;
    let combine = opcode.take_one(|suffix| match suffix {
        "and" => Some(Combine::All),
        "or" => Some(Combine::Any),
        "popc" => Some(Combine::Count),
        _ => None,
    });
    let [to, "0", from] = operands else { return Err("is not supported".into()) };
    let combine = combine.ok_or("is not supported")?;
    let (negate, from) = (from.starts_with('!'), from.trim_start_matches('!'));
    Ok(Step::Wait(Wait::Block { combine, to: symbols.target(to)?, from: symbols.source(from)?, negate }))
}

fn warp(opcode: &mut Opcode, operands: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    let kind = opcode.take_type()?;
    if !opcode.take("sync") {
        return Err("is not supported without `.sync`".into());
    }
    let (mask, exchange) = match (opcode.name, operands) {
        ("vote", [to, from, mask]) => {
            let vote = opcode.take_one(|suffix| match suffix {
                "all" => Some(Vote::All),
                "any" => Some(Vote::Any),
                "uni" => Some(Vote::Uniform),
                "ballot" => Some(Vote::Ballot),
                _ => None,
            });
            let vote = vote.ok_or("is not supported")?;
            let (negate, from) = (from.starts_with('!'), from.trim_start_matches('!'));
            (mask, Exchange::Vote { vote, to: symbols.target(to)?, from: symbols.source(from)?, negate })
        }
        ("shfl", [to, from, lane, clamp, mask]) => {
            let mode = opcode.take_one(|suffix| match suffix {
                "up" => Some(Shuffle::Up),
                "down" => Some(Shuffle::Down),
                "bfly" => Some(Shuffle::Butterfly),
                "idx" => Some(Shuffle::Index),
                _ => None,
            });
            let mode = mode.ok_or("is not supported")?;
            let (to, inside) = to.split_once('|').unwrap_or((to, "_"));
            let (to, inside) = (symbols.target(to)?, symbols.target(inside)?);
            let (from, lane) = (symbols.source(from)?, symbols.source(lane)?);
            (mask, Exchange::Shuffle { mode, to, inside, from, lane, clamp: symbols.source(clamp)? })
        }
        ("redux", [to, from, mask]) => {
            let operations = |suffix| match suffix {
                "add" | "min" | "max" | "and" | "or" | "xor" => decode::arithmetic_function(suffix, kind),
                _ => None,
            };
            let function = opcode.take_one(operations).ok_or("is not supported")?;
            (mask, Exchange::Reduce { function, to: symbols.target(to)?, from: symbols.source(from)? })
        }
        _ => return Err("is not supported".into()),
    };
    Ok(Step::Wait(Wait::Warp { mask: symbols.source(mask)?, exchange }))
}
