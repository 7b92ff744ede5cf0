//! The files as a whole: from the first piece to the deletion, in a local directory.

use std::path::Path;

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn settings(dir: &Path) -> config::Recording {
    config::Recording {
        store: config::RecordingStore::Local,
        dir: dir.into(),
        domain: "d".into(),
        public_url: None,
        import_dir: None,
        file_bytes_max: 100_000,
        upload: Duration::from_secs(1),
    }
}

fn open(dir: &Path) -> Recordings {
    Recordings::open(&settings(dir), &Remote::new().unwrap()).unwrap()
}

fn place(object: &str) -> Place {
    Place { bucket: "sp-key".into(), object: object.into() }
}

/// A second of silence: A-law, 8 kHz, mono.
fn wav() -> Vec<u8> {
    let rate = 8_000_u32.to_le_bytes();
    let format = [&[16, 0, 0, 0, 6, 0, 1, 0][..], &rate, &rate, &[1, 0, 8, 0]].concat();
    [&b"RIFF\0\0\0\0WAVEfmt "[..], &format, b"data\0\0\0\0", &[0xd5; 8_000]].concat()
}

async fn taken(files: &Recordings, bytes: &[u8]) -> Result<Taken, NotTaken> {
    let mut intake = files.intake().await?;
    for piece in bytes.chunks(5) {
        intake.write(&Bytes::copy_from_slice(piece)).await?;
    }
    intake.finish().await
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_file_is_there_when_it_is_put_and_not_a_moment_before() {
    let dir = tempfile::tempdir().unwrap();
    let files = open(dir.path());
    let place = place("a.wav");
    let taken = taken(&files, &wav()).await.unwrap();
    assert_eq!((taken.bytes, taken.play_time.as_secs()), (wav().len() as u64, 1));
    let seat = || files.reader_seat().unwrap();
    assert!(files.read(&place, seat()).await.unwrap().is_none());
    assert_eq!(files.settled("sp-key").await.unwrap_or_default(), [""; 0]);
    files.put(&place, taken, NOW).await.unwrap();
    let mut reading = files.read(&place, seat()).await.unwrap().unwrap();
    let mut content = Vec::new();
    reading.file.read_to_end(&mut content).await.unwrap();
    assert_eq!((content, reading.bytes), (wav(), wav().len() as u64));
    assert_eq!(files.settled("sp-key").await.unwrap(), ["a.wav"]);
    assert_eq!(files.buckets().await.unwrap(), ["sp-key"]);
    assert_eq!(names_in(&dir.path().join(INCOMING)), [""; 0]);
    for _ in 0..2 {
        files.remove(&place, NOW).await.unwrap();
    }
    assert!(files.read(&place, seat()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_broken_off_or_refused_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let files = open(dir.path());
    let incoming = dir.path().join(INCOMING);
    let mut intake = files.intake().await.unwrap();
    intake.write(&Bytes::from(wav())).await.unwrap();
    assert_eq!(names_in(&incoming).len(), 1);
    drop(intake);
    let large = [wav(), vec![0; 100_000]].concat();
    assert!(matches!(taken(&files, &large).await, Err(NotTaken::TooLarge(100_000))));
    assert!(matches!(taken(&files, b"").await, Err(NotTaken::NotWav(NotWav::NoRiff))));
    assert!(matches!(taken(&files, &wav()[..40]).await, Err(NotTaken::NotWav(NotWav::NoData))));
    drop(taken(&files, &wav()).await.unwrap());
    assert_eq!(names_in(&incoming), [""; 0]);
}

#[tokio::test]
async fn what_cannot_become_a_recording_is_refused_with_its_first_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut intake = open(dir.path()).intake().await.unwrap();
    intake.write(&Bytes::from_static(b"RIFF\0\0")).await.unwrap();
    let refused = intake.write(&Bytes::from_static(b"\0\0AVI LIST")).await;
    assert!(matches!(refused, Err(NotTaken::NotWav(NotWav::NoRiff))));
}

#[tokio::test]
async fn what_a_crash_left_half_way_is_removed_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    std::fs::write(dir.path().join(INCOMING).join("7.part"), "half").unwrap();
    open(dir.path());
    assert_eq!(names_in(&dir.path().join(INCOMING)), [""; 0]);
}

#[tokio::test]
async fn a_call_has_one_upload_at_a_time_and_its_file_counts_as_on_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let files = open(dir.path());
    let call = CallId::new("c").unwrap();
    let turn = files.take_turn(&call, "a.wav".into()).unwrap();
    assert_eq!(files.take_turn(&call, "b.wav".into()).unwrap_err(), NoTurn::UnderWay);
    files.put(&place("a.wav"), taken(&files, &wav()).await.unwrap(), NOW).await.unwrap();
    assert_eq!(files.settled("sp-key").await.unwrap_or_default(), [""; 0]);
    drop(turn);
    assert_eq!(files.settled("sp-key").await.unwrap(), ["a.wav"]);
    let turns: Vec<_> = (0..UPLOADS_MAX)
        .map(|n| files.take_turn(&CallId::new(&n.to_string()).unwrap(), String::new()).unwrap())
        .collect();
    assert_eq!(files.take_turn(&call, "a.wav".into()).unwrap_err(), NoTurn::TooMany);
    drop(turns);
    files.take_turn(&call, "a.wav".into()).unwrap();
}

#[tokio::test]
async fn only_so_many_files_are_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let files = open(dir.path());
    let seats: Vec<_> = (0..READERS_MAX).map(|_| files.reader_seat().unwrap()).collect();
    assert!(files.reader_seat().is_none());
    drop(seats);
    assert!(files.reader_seat().is_some());
}
