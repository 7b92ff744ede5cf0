//! A name server that says exactly what a test tells it to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// What it says to one question.
#[derive(Debug)]
pub(super) enum Reply {
    /// These addresses, as far as they are of the family that is asked for.
    Found(&'static [&'static str]),
    /// No such name, for no time at all.
    Absent,
    /// It could not find out.
    Failed,
    /// Nothing.
    Silence,
}

#[derive(Debug)]
pub(super) struct NameServer {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    /// Answers with `reply`, which is given the name and how many questions for IPv4 addresses came before.
    pub(super) async fn start(reply: impl Fn(&str, usize) -> Reply + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 1_024];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let is_v4 = question.queries[0].query_type() == RecordType::A;
                let before = counter.fetch_add(usize::from(is_v4), Ordering::SeqCst);
                let name = question.queries[0].name().to_ascii();
                if let Some(answer) = answer(question, &reply(name.trim_end_matches('.'), before)) {
                    socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
                }
            }
        });
        Self { address, asked }
    }

    /// Questions for IPv4 addresses so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(question: Message, reply: &Reply) -> Option<Message> {
    let query = question.queries[0].clone();
    let mut answer = question;
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    answer.edns = None;
    match reply {
        Reply::Silence => return None,
        Reply::Failed => answer.metadata.response_code = ResponseCode::ServFail,
        Reply::Absent => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, 0);
            answer.add_authority(Record::from_rdata(Name::root(), 0, RData::SOA(soa)));
        }
        Reply::Found(texts) => {
            let ips = texts.iter().map(|text| text.parse::<IpAddr>().unwrap());
            for ip in ips.filter(|ip| ip.is_ipv4() == (query.query_type() == RecordType::A)) {
                answer.add_answer(Record::from_rdata(query.name().clone(), 0, RData::from(ip)));
            }
        }
    }
    Some(answer)
}
