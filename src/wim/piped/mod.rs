//! A pipable WIM (WLPWM) out of a pipe: read once, from its first byte to its last.
//!
//! In such a file the metadata of the images comes before the blobs, so that files can be made as their contents come.
//! Not all is known then that a file on disk tells: how large the contents are, and whether all of them will come.

mod batch;
mod error;
mod stream;
#[cfg(all(test, unix))]
mod tests;

pub use error::PipedError;

use std::io::Read;
use std::path::Path;

use super::extract::{self, ExtractError, NotRestored, Outcome};
use super::metadata::{Metadata, ParseOptions};
use super::reader::ImageIndex;
use super::resource::{DecoderPool, ResourceError};
use super::xml::WimXml;
use crate::util::progress::Control;
use crate::util::sha1::Sha1;
use batch::Broken;
use stream::{PipedResource, ResourceStream};

/// The largest XML document that is read, in bytes.
const MAX_XML_SIZE: u64 = 64 << 20;
/// The largest metadata resource that is read, in bytes.
const MAX_METADATA_SIZE: u64 = 2 << 30;
/// Chunks that may be in memory at once where they are large: stored and decoded ones, of two batches.
const CHUNKS_AT_ONCE: u64 = 4;

/// Why an image could not be applied from a pipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The pipe.
    #[error(transparent)]
    Piped(#[from] PipedError),
    /// The target.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// A pipable WIM, read as far as its XML document.
pub struct PipedWim<R> {
    stream: ResourceStream<R>,
    xml: WimXml,
}

impl<R: Read + Send> PipedWim<R> {
    /// Reads the header and the XML document. `name` is what messages call it, `memory` bounds what chunks may take.
    ///
    /// # Errors
    /// What comes is no pipable WIM, or a part of a split one.
    pub fn open(reader: R, name: &str, memory: u64) -> Result<Self, PipedError> {
        let mut stream = ResourceStream::open(reader, name)?;
        let needed = CHUNKS_AT_ONCE * u64::from(stream.header.chunk_size);
        if needed > memory {
            let error = ResourceError::TooLarge { offset: 0, size: needed, limit: memory };
            return Err(stream.broken("chunks", error));
        }
        let resource = stream.next_resource()?;
        let bytes = read_all(&mut stream, resource, "XML document", MAX_XML_SIZE)?;
        let count = stream.header.image_count;
        // Names are for finding images by; numbers find them as well.
        let xml = WimXml::parse(&bytes, count).unwrap_or_else(|_| WimXml::fallback(count));
        Ok(Self { stream, xml })
    }

    /// The XML document; if that is damaged, one that tells no more than how many images there are.
    pub fn xml(&self) -> &WimXml {
        &self.xml
    }

    /// How many images there are.
    pub fn image_count(&self) -> u32 {
        self.stream.header.image_count
    }

    /// Applies an image to the directory `target`, which is made if need be, and reads the stream to its end.
    ///
    /// # Errors
    /// [`ApplyError`]: the stream is damaged or ends too early; the target cannot be written. What goes wrong with single
    /// entries is told by the [`Outcome`].
    pub fn apply(
        mut self,
        image: ImageIndex,
        target: &Path,
        options: &extract::Options,
        control: Control<'_>,
    ) -> Result<(Metadata, Outcome, NotRestored), ApplyError> {
        let tree = self.metadata(image)?;
        let stream = &mut self.stream;
        let mut pipe = None;
        let feed = |wanted: &[Sha1], sink: &mut extract::Extractor<'_>| {
            batch::transfer(stream, wanted, sink, control).map_err(|broken| match broken {
                Broken::Stopped(stopped) => Some(stopped),
                Broken::Pipe(error) => {
                    pipe = Some(error);
                    None
                }
            })
        };
        let outcome = extract::extract_fed(&tree, target, options, control, feed);
        if let Some(error) = pipe {
            return Err(error.into());
        }
        let outcome = outcome?;
        let not_restored = outcome.not_restored(&tree, options.unix_data);
        Ok((tree, outcome, not_restored))
    }

    /// Reads the metadata of all images, and keeps that of one.
    fn metadata(&mut self, image: ImageIndex) -> Result<Metadata, PipedError> {
        let (name, count) = (self.stream.name.clone(), self.image_count());
        let mut found = None;
        for number in 1..=count {
            let resource = self.stream.next_resource()?;
            if number == image.get() {
                found = Some((read_all(&mut self.stream, resource, "metadata", MAX_METADATA_SIZE)?, resource));
            } else {
                self.stream.skip(resource)?;
            }
        }
        let image = image.get();
        let (bytes, resource) = found.ok_or(PipedError::NoSuchImage { name: name.clone(), image, count })?;
        let hash = Sha1::of(&bytes);
        if hash != resource.sha1 {
            let (offset, expected) = (resource.offset, resource.sha1);
            return Err(PipedError::MetadataHash { name, offset, image, expected, found: hash });
        }
        let parsed = Metadata::parse(bytes, &ParseOptions::default());
        parsed.map_err(|error| PipedError::Metadata { name, image, error })
    }
}

impl<R> std::fmt::Debug for PipedWim<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipedWim").field("xml", &self.xml).finish_non_exhaustive()
    }
}

/// Reads a resource into memory, which grows with what comes and not by what is declared.
fn read_all<R: Read>(
    stream: &mut ResourceStream<R>,
    mut resource: PipedResource,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>, PipedError> {
    let (offset, size) = (resource.offset, resource.size);
    if size > limit {
        return Err(stream.broken(what, ResourceError::TooLarge { offset, size, limit }));
    }
    let (decoders, mut bytes) = (DecoderPool::new(), Vec::new());
    while let Some(piece) = stream.next_piece(&mut resource)? {
        let decoded = batch::decode(piece, &decoders).map_err(|error| stream.broken(what, error))?;
        bytes.extend(decoded);
    }
    Ok(bytes)
}
