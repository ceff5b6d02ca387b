//! A component that speaks by `wasi:sockets`, through nothing but the standard library. What it does its arguments say;
//! what came of it goes to standard output, a line each.

use std::env;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

const PIECE: usize = 65536;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["tcp-echo", address] => tcp_echo(address),
        ["udp-echo", address] => udp_echo(address),
        ["tcp", address, text] => tcp(address, text),
        ["udp", from, address, text] => udp(from, address, text),
        ["bind-udp", address] => UdpSocket::bind(address).map(|_| println!("bound")),
        ["accept", address] => accept(address),
        ["options", address] => options(address),
        ["resolve", ..] => resolve(&words[1..]),
        _ => panic!("no such task: {words:?}"),
    };
    if let Err(error) = outcome {
        println!("{:?}", error.kind());
    }
}

/// Serves any number of connections at a time, without blocking, and says where.
fn tcp_echo(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("tcp {}", listener.local_addr()?);
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let mut is_idle = true;
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                connections.push(Connection { stream, waiting: Vec::new(), at_end: false });
                is_idle = false;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        connections.retain_mut(|connection| match connection.step() {
            Ok(step) => {
                is_idle &= step == Step::Nothing;
                step != Step::Done
            }
            Err(_) => false,
        });
        if is_idle {
            sleep(Duration::from_millis(1));
        }
    }
}

#[derive(PartialEq)]
enum Step {
    Something,
    Nothing,
    Done,
}

struct Connection {
    stream: TcpStream,
    waiting: Vec<u8>,
    at_end: bool,
}

impl Connection {
    fn step(&mut self) -> Result<Step> {
        if self.waiting.is_empty() && self.at_end {
            self.stream.shutdown(Shutdown::Write)?;
            return Ok(Step::Done);
        }
        let done = if self.waiting.is_empty() { self.receive() } else { self.send() };
        match done {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Step::Nothing),
            other => other.map(|()| Step::Something),
        }
    }

    fn receive(&mut self) -> Result<()> {
        let mut piece = vec![0; PIECE];
        let size = self.stream.read(&mut piece)?;
        self.at_end = size == 0;
        self.waiting = piece[..size].to_vec();
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        let size = self.stream.write(&self.waiting)?;
        self.waiting.drain(..size);
        Ok(())
    }
}

fn udp_echo(address: &str) -> Result<()> {
    let socket = UdpSocket::bind(address)?;
    println!("udp {}", socket.local_addr()?);
    let mut datagram = vec![0; PIECE];
    loop {
        let (size, peer) = socket.recv_from(&mut datagram)?;
        socket.send_to(&datagram[..size], peer)?;
    }
}

fn tcp(address: &str, text: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let peer = stream.peer_addr()?;
    stream.write_all(text.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("{answer} of {peer}");
    Ok(())
}

fn udp(from: &str, address: &str, text: &str) -> Result<()> {
    let socket = UdpSocket::bind(from)?;
    socket.connect(address)?;
    socket.send(text.as_bytes())?;
    let mut datagram = vec![0; PIECE];
    let size = socket.recv(&mut datagram)?;
    println!("{} of {}", String::from_utf8_lossy(&datagram[..size]), socket.peer_addr()?);
    Ok(())
}

/// One connection only, waited for.
fn accept(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("tcp {}", listener.local_addr()?);
    let (mut stream, peer) = listener.accept()?;
    println!("from {}", peer.ip());
    stream.write_all(b"welcome")
}

fn options(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    if listener.local_addr()?.is_ipv4() {
        // The standard library knows none for the other family.
        listener.set_ttl(17)?;
        stream.set_ttl(18)?;
        println!("ttl {} {}", listener.ttl()?, stream.ttl()?);
    }
    stream.set_nodelay(true)?;
    println!("no delay {}", stream.nodelay()?);
    println!("error {:?}", stream.take_error()?.map(|error| error.kind()));
    let (accepted, peer) = listener.accept()?;
    println!("same {}", peer == stream.local_addr()? && accepted.local_addr()? == listener.local_addr()?);
    Ok(())
}

/// The addresses of each name, sorted.
fn resolve(names: &[&str]) -> Result<()> {
    for name in names {
        let found = match (*name, 0).to_socket_addrs() {
            Ok(addresses) => {
                let mut texts: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
                texts.sort();
                texts.dedup();
                texts.join(" ")
            }
            Err(_) => "unknown".into(),
        };
        println!("{name}: {found}");
    }
    Ok(())
}
