//! An S3 made of s3s: a file for each object, in a folder for each bucket.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use hyper::server::conn::http1;
use polliwog::hyper::PolliwogTimer;
use polliwog::sim::fs::{self, File};
use polliwog::sim::net::TcpListener;
use polliwog::{SendWrapper, sim, spawn};
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

/// How far the server is with an object that its client has no answer for yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Put {
    Received,
    Stored,
}

struct Disk;

/// Keys have slashes, which a file's name has not.
fn file_of(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", key.replace('/', "%"))
}

fn failed(error: io::Error) -> S3Error {
    match error.kind() {
        io::ErrorKind::NotFound => s3_error!(error, NoSuchKey),
        io::ErrorKind::AlreadyExists => s3_error!(error, PreconditionFailed),
        _ => s3_error!(error, InternalError),
    }
}

fn tag(content: &[u8]) -> ETag {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    ETag::Strong(format!("{:016x}", hasher.finish()))
}

async fn read(file: &str) -> io::Result<(Vec<u8>, SystemTime)> {
    let content = fs::read(file).await?;
    Ok((content, fs::metadata(file).await?.modified()?))
}

/// Writes a file under a name of its own, and gives it its name when all of it is safe.
async fn write(folder: &str, file: &str, content: &[u8], only_new: bool) -> io::Result<()> {
    let unnamed = format!("{folder}/.{:x}", sim::random());
    let mut written = File::create(&unnamed).await?;
    written.write_all(content).await?;
    written.sync_all().await?;
    if only_new {
        let linked = fs::hard_link(&unnamed, file).await;
        fs::remove_file(&unnamed).await?;
        linked?;
    } else {
        fs::rename(&unnamed, file).await?;
    }
    File::open(folder).await?.sync_all().await
}

#[async_trait]
impl S3 for Disk {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        SendWrapper::new(async move {
            let input = request.input;
            let body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
            let pieces: Vec<_> = body
                .try_collect()
                .await
                .map_err(|error| s3_error!(io::Error::other(error), IncompleteBody))?;
            let content = pieces.concat();
            sim::reach(Put::Received).await;
            let folder = format!("/{}", input.bucket);
            let file = file_of(&input.bucket, &input.key);
            let only_new = input.if_none_match.is_some_and(|tags| tags.is_any());
            write(&folder, &file, &content, only_new)
                .await
                .map_err(failed)?;
            sim::reach(Put::Stored).await;
            Ok(S3Response::new(PutObjectOutput {
                e_tag: Some(tag(&content)),
                ..Default::default()
            }))
        })
        .await
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        SendWrapper::new(async move {
            let file = file_of(&request.input.bucket, &request.input.key);
            let (content, modified) = read(&file).await.map_err(failed)?;
            Ok(S3Response::new(GetObjectOutput {
                content_length: Some(content.len() as i64),
                e_tag: Some(tag(&content)),
                last_modified: Some(modified.into()),
                body: Some(s3s::Body::from(content).into()),
                ..Default::default()
            }))
        })
        .await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        SendWrapper::new(async move {
            let file = file_of(&request.input.bucket, &request.input.key);
            let (content, modified) = read(&file).await.map_err(failed)?;
            Ok(S3Response::new(HeadObjectOutput {
                content_length: Some(content.len() as i64),
                e_tag: Some(tag(&content)),
                last_modified: Some(modified.into()),
                ..Default::default()
            }))
        })
        .await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        SendWrapper::new(async move {
            let folder = format!("/{}", request.input.bucket);
            match fs::remove_file(file_of(&request.input.bucket, &request.input.key)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            let folder = File::open(folder).await.map_err(failed)?;
            folder.sync_all().await.map_err(failed)?;
            Ok(S3Response::new(DeleteObjectOutput::default()))
        })
        .await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        SendWrapper::new(async move {
            let (bucket, prefix) = (request.input.bucket, request.input.prefix);
            let keys = objects(&bucket).await.map_err(failed)?;
            let mut contents = Vec::new();
            for key in keys {
                if key.starts_with(prefix.as_deref().unwrap_or("")) {
                    let (content, modified) =
                        read(&file_of(&bucket, &key)).await.map_err(failed)?;
                    contents.push(Object {
                        key: Some(key),
                        size: Some(content.len() as i64),
                        e_tag: Some(tag(&content)),
                        last_modified: Some(modified.into()),
                        ..Default::default()
                    });
                }
            }
            Ok(S3Response::new(ListObjectsV2Output {
                name: Some(bucket),
                key_count: Some(contents.len() as i32),
                contents: Some(contents),
                ..Default::default()
            }))
        })
        .await
    }
}

/// The keys of a bucket, in their order, without what has no name yet.
async fn objects(bucket: &str) -> io::Result<Vec<String>> {
    let mut keys = Vec::new();
    let mut entries = fs::read_dir(format!("/{bucket}")).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with('.') {
            keys.push(name.replace('%', "/"));
        }
    }
    keys.sort();
    Ok(keys)
}

pub async fn serve() -> io::Result<()> {
    fs::create_dir_all("/pond").await?;
    File::open("/").await?.sync_all().await?;
    let mut service = S3ServiceBuilder::new(Disk);
    service.set_auth(SimpleAuth::from_single("frog", "quak"));
    let service = service.build();
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let mut builder = http1::Builder::new();
        let serving = builder
            .timer(PolliwogTimer)
            .serve_connection(stream, service.clone());
        spawn(serving).unwrap().detach();
    }
}
