//! Link conditions, in the words of `fathom-impair`.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use fathom_impair::{
    BitsPerSecond, ByteCount, Conditions, Directed, GilbertElliott, Probability, Reorder, TimeSpan,
};

use crate::exit::Exit;
use crate::failure::Failure;

/// What is wrong with the link between this host and its network.
///
/// Each option holds for both directions; `up:` or `down:` in front of a value limits it to one, and an
/// option given twice adds to itself (`--rate up:1mbit --rate down:10mbit`).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Link conditions (each way; up:VALUE or down:VALUE for one)")]
pub(crate) struct LinkArgs {
    /// Time on the way, one way; 40ms adds 80 ms to each round trip
    #[arg(long, value_name = "TIME", value_parser = word::<TimeSpan>)]
    delay: Vec<Directed<TimeSpan>>,

    /// How far the delay varies, more or less: 5ms
    #[arg(long, value_name = "TIME", value_parser = word::<TimeSpan>)]
    jitter: Vec<Directed<TimeSpan>>,

    /// Bits a second: 10mbit, 500kbit; 1MBps for bytes
    #[arg(long, value_name = "RATE", value_parser = word::<BitsPerSecond>)]
    rate: Vec<Directed<BitsPerSecond>>,

    /// Bytes that may wait for the line: 64KB (with --rate)
    #[arg(long, value_name = "BYTES", value_parser = word::<ByteCount>)]
    queue: Vec<Directed<ByteCount>>,

    /// Chance that a frame is lost: 1% or 0.01
    #[arg(long, value_name = "CHANCE", value_parser = word::<Probability>)]
    loss: Vec<Directed<Probability>>,

    /// Loss in bursts: chance to enter one and to recover, 1%,25%
    ///
    /// ENTER,RECOVER or ENTER,RECOVER,LOSS_BAD or ENTER,RECOVER,LOSS_BAD,LOSS_GOOD (Gilbert and Elliott):
    /// 1%,25% enters a burst at one frame in a hundred and recovers at one in four, and loses every frame
    /// between. LOSS_BAD is the loss within bursts, LOSS_GOOD outside.
    #[arg(long, value_name = "CHANCES", value_parser = word::<GilbertElliott>)]
    burst_loss: Vec<Directed<GilbertElliott>>,

    /// Chance that others overtake a frame: 5%; 5%,3,10ms
    ///
    /// CHANCE, or CHANCE,FRAMES,TIME: a chosen frame lets FRAMES others pass (3 if not said), but waits no longer
    /// than TIME (10ms).
    #[arg(long, value_name = "CHANCE", value_parser = word::<Reorder>)]
    reorder: Vec<Directed<Reorder>>,

    /// Chance that a frame arrives twice
    #[arg(long, value_name = "CHANCE", value_parser = word::<Probability>)]
    duplicate: Vec<Directed<Probability>>,

    /// Chance that one bit of a frame is flipped
    #[arg(long, value_name = "CHANCE", value_parser = word::<Probability>)]
    corrupt: Vec<Directed<Probability>>,

    /// Largest IP packet in bytes, 576 or more (IPv6 needs 1280)
    ///
    /// The host takes the smaller of both directions as the MTU of its interface: it makes no larger packet and
    /// tells TCP's peers so. A larger one that comes all the same is lost on the link, without an ICMP message.
    #[arg(long, value_name = "BYTES", value_parser = word::<Mtu>)]
    mtu: Vec<Directed<Mtu>>,
}

/// The least MTU to ask for: every host takes packets of so many bytes (RFC 791 3.1), and DNS relies on it.
const MIN_MTU: usize = 576;
/// The least MTU that IPv6 works with (RFC 8200 5).
pub(super) const MIN_IPV6_MTU: usize = 1280;

/// Bytes of a link's largest IP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mtu(usize);

impl FromStr for Mtu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().ok().filter(|mtu| (MIN_MTU..=65_535).contains(mtu)).map(Mtu).ok_or_else(|| {
            format!("'{text}' is no MTU: write a number of bytes from {MIN_MTU} to 65535, such as 1280")
        })
    }
}

fn word<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<Directed<T>, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// The conditions of both directions of a link.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Link {
    /// From this host to the network.
    pub(crate) up: Conditions,
    /// From the network to this host.
    pub(crate) down: Conditions,
}

impl LinkArgs {
    /// The conditions that the options describe.
    pub(crate) fn link(&self) -> Link {
        let Link { mut up, mut down } = Link::default();
        let LinkArgs { delay, jitter, rate, queue, loss, burst_loss, reorder, duplicate, corrupt, mtu } =
            self;
        let (up_ref, down_ref) = (&mut up, &mut down);
        apply(delay, up_ref, down_ref, |side, TimeSpan(delay)| side.delay = delay);
        apply(jitter, up_ref, down_ref, |side, TimeSpan(jitter)| side.jitter = jitter);
        apply(rate, up_ref, down_ref, |side, rate| side.rate = Some(rate));
        apply(queue, up_ref, down_ref, |side, queue| side.queue = Some(queue));
        apply(loss, up_ref, down_ref, |side, loss| side.loss = loss);
        apply(burst_loss, up_ref, down_ref, |side, burst| side.burst = Some(burst));
        apply(reorder, up_ref, down_ref, |side, reorder| side.reorder = Some(reorder));
        apply(duplicate, up_ref, down_ref, |side, duplicate| side.duplicate = duplicate);
        apply(corrupt, up_ref, down_ref, |side, corrupt| side.corrupt = corrupt);
        apply(mtu, up_ref, down_ref, |side, Mtu(mtu)| side.mtu = Some(mtu));
        Link { up, down }
    }
}

impl LinkArgs {
    /// Refuses conditions that would change nothing.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`].
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let Link { up, down } = self.link();
        if [up, down].iter().any(|side| side.queue.is_some() && side.rate.is_none()) {
            return Err(Failure::new(Exit::Usage, "--queue has no effect without --rate in its direction")
                .hint("say how fast the line is that frames wait for, such as --rate 10mbit"));
        }
        Ok(())
    }
}

fn apply<T: Clone>(
    values: &[Directed<T>],
    up: &mut Conditions,
    down: &mut Conditions,
    set: impl Fn(&mut Conditions, T),
) {
    for value in values {
        value.apply(up, down, &set);
    }
}

impl Link {
    /// The MTU that the conditions leave the host's interface.
    pub(crate) fn mtu(&self) -> Option<usize> {
        [self.up.mtu, self.down.mtu].into_iter().flatten().min()
    }

    /// What the conditions mean, in one line; `None` for a perfect link.
    ///
    /// `link: delay 40 ms, loss 1 % each way; adds 80 ms to each round trip`
    pub(crate) fn describe(&self) -> Option<String> {
        let Link { up, down } = self;
        if *self == Link::default() {
            return None;
        }
        let mut text =
            if up == down { format!("link: {up}, each way") } else { format!("link: up {up}; down {down}") };
        if self.mtu().is_some_and(|mtu| mtu < MIN_IPV6_MTU) {
            text += &format!("; IPv6 needs {MIN_IPV6_MTU} B");
        }
        let added = up.delay + down.delay;
        if !added.is_zero() {
            text += &format!("; adds {} to each round trip", TimeSpan(added));
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests;
